/**
 * Text that came from elsewhere, for a terminal or a log: control characters may move the cursor or clear the screen,
 * and marks of direction may turn a line round, so that it reads as something else. They are shown as escapes.
 */

// C0 without line feed and tab, DEL, C1, line and paragraph separators, marks and overrides of direction, half surrogates.
const UNPRINTABLE =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** Characters that nobody sees in a name, and half surrogates: a name that has one reads as another. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u

/** True when every character of a name is seen by who reads it. */
export function isSeen(name: string): boolean {
  return !HIDDEN.test(name)
}

/** The same text with every unprintable character as `\u{…}`; line feeds and tabs stay. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u{${char.charCodeAt(0).toString(16)}}`)
}

/** The same in one line: line feeds and tabs are blanks. */
export function oneLine(text: string): string {
  return printable(text.replace(/[\n\t]+/g, ' '))
}
