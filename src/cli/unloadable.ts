/** Why the program could not be loaded, for whoever installed it. Imports nothing and has no syntax that is younger than Node.js 14. */

interface LoadError {
  readonly code?: unknown
  readonly message?: unknown
}

/** What to say where files of the program or its database engine are missing, in the language of the locale; undefined where the fault is another one. */
export function unloadable(
  error: unknown,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { code, message } = (typeof error === 'object' && error !== null ? error : {}) as LoadError
  const chinese = /^zh/i.test(env['LC_ALL'] || env['LC_MESSAGES'] || env['LANG'] || '')
  const native = /^No native build was found for (.*)$/m.exec(String(message))
  if (native) {
    const machine = native[1]!
    return chinese
      ? `本机没有可用的数据库引擎（${machine}）：安装不完整，或程序不含适合本机的版本。请重新执行 npm ci；仍不行的，装好 C++ 编译器后执行 npm rebuild classic-level --ignore-scripts=false`
      : `there is no database engine for this machine (${machine}): the installation is not whole, or none is made for it. Run npm ci again; where that does not help, npm rebuild classic-level --ignore-scripts=false makes one with a C++ compiler`
  }
  if (code === 'EMFILE') {
    return chinese
      ? '允许打开的文件数太少，程序无法加载：请用 ulimit -n 调大（至少 1024）'
      : 'too few files may be open to load the program: raise that with ulimit -n, to 1024 at least'
  }
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined
  const missing = /Cannot find (?:module|package) '([^']*)'/.exec(String(message))
  const name = missing ? missing[1]! : ''
  return chinese
    ? `程序文件不全，缺少 ${name}：正在升级的，稍候再试；否则请重新安装（npm ci && npm run build）。允许打开的文件数太少（ulimit -n）时也会如此`
    : `a file of the program is missing, ${name}: where it is being upgraded, try again in a moment; otherwise install it again (npm ci && npm run build). Too few files that may be open (ulimit -n) look the same`
}
