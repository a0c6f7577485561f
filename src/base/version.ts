/** Version of this program, as `huxin --version` and a node's status say it; package.json has the same. */
export const VERSION = '0.2.0'
