/** Which Node.js runs the program. Imports nothing and has no syntax that is younger than Node.js 14. */

const MAJOR = 20
const MINOR = 19

/** What to say where the version is too old, in the language of the locale and in English; undefined where it will do. */
export function tooOld(
  version: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > MAJOR || (major === MAJOR && minor >= MINOR)) return undefined
  const chinese = /^zh/i.test(env['LC_ALL'] || env['LC_MESSAGES'] || env['LANG'] || '')
  return chinese
    ? `huxin 需要 Node.js ${MAJOR}.${MINOR} 或更高版本，当前为 ${version}：请从 https://nodejs.org 安装长期支持版（LTS）`
    : `huxin needs Node.js ${MAJOR}.${MINOR} or later, this is ${version}: install a long-term support release from https://nodejs.org`
}
