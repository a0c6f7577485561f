/** Places in a sheet: columns by their letters. */

/** The letters by which a spreadsheet names a column, from position 0. */
export function columnLetters(at: number): string {
  return at < 26
    ? String.fromCharCode(65 + at)
    : columnLetters(Math.floor(at / 26) - 1) + columnLetters(at % 26)
}

/** Position of a column from a place such as `AB12`. */
export function columnOf(place: string): number {
  let column = 0
  for (let i = 0; i < place.length; i++) {
    const letter = place.charCodeAt(i) & ~0x20
    if (letter < 65 || letter > 90) break
    column = column * 26 + letter - 64
  }
  if (column < 1 || column > 16_384) throw new Error(`cell ${place.slice(0, 20)}`)
  return column - 1
}
