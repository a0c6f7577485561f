/** What happens to a node's folder before it runs: init, join, check, recover, rebuild. */
import { access, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { formatAddress } from '../base/address.ts'
import { civilDate, type Clock, durationOf } from '../base/clock.ts'
import { hex } from '../base/bytes.ts'
import { HuxinError, isHuxinError } from '../base/errors.ts'
import { term, text, textOf } from '../base/text.ts'
import { makeFolder, renameWhole, writeWhole } from '../base/files.ts'
import { limits } from '../base/limits.ts'
import type { Random } from '../base/random.ts'
import { isBornHere, parseEntry } from '../batch/entry.ts'
import { parseHeaderNote } from '../batch/seal.ts'
import { checkIssuer } from '../members/authority.ts'
import { newestSeen } from '../witness/cosigning.ts'
import { rebuildStore } from '../fsck/rebuild.ts'
import { nextStatement, PROTOCOL_VERSION, rootStatement } from '../members/members.ts'
import { ExchangeService } from '../gen/huxin/v1/exchange_service_pb.ts'
import { storedSize } from '../log/log.ts'
import { parseSignerKey, parseVkey } from '../note/key.ts'
import { parseNote, signNote } from '../note/note.ts'
import { loadNodeMaterial, loadTlsMaterial, type TlsFiles } from '../pki/material.ts'
import { entryKey, receiptKey } from '../store/keys.ts'
import { levelEngine } from '../store/leveldb/engine.ts'
import { FederationState, type TrustAnchor } from '../topology/federation.ts'
import { formatJoinFile, parseJoinFile, signApplication, trustOf } from '../topology/join.ts'
import { type MemberStatement, formatStatement, parseStatement } from '../topology/member.ts'
import { WireChannel } from '../wire/channel.ts'
import {
  currentEpoch,
  epochFiles,
  formatFaults,
  loadConfig,
  type NodeConfig,
  parseConfig,
  readConfigFile,
  TRANSITION,
} from './config.ts'
import { genesisOf, placeDatabase, readJoin } from './folder.ts'
import { fitHandles, handleLimit, handlesOf } from './handles.ts'
import { createSubjectKey, loadKeys, makeKeys } from './keys.ts'
import { memberAtParent } from './parent-calls.ts'
import { systemDisk } from './system-ports.ts'
import { newestDatabase, noteKeyOf, type Recovery, recoverRoot } from './recovery.ts'

/** What is written into a new `node.yaml`. */
export interface NodeFields {
  readonly node: string
  readonly tier: string
  readonly divisions: readonly string[]
  readonly body: string
  /** Body that hosts the node, when it is another. */
  readonly host?: string | undefined
  readonly parent: { readonly node: string; readonly address: string } | undefined
  readonly listen: string
  readonly certs: string
  readonly actor: string
}

/**
 * Makes a node's folder: `node.yaml` unless there is one, the keys of epoch 1, and the application for
 * the parent's operator, or at a root its own first statement.
 * @returns the file that goes to the parent's operator; undefined at a root
 * @throws HuxinError config_invalid when it has keys already
 */
export async function initNode(
  folder: string,
  fields: NodeFields | undefined,
  { clock, random }: { clock: Clock; random: Random },
): Promise<string | undefined> {
  const file = join(folder, 'node.yaml')
  const exists = await access(file).then(
    () => true,
    () => false,
  )
  if ((await currentEpoch(folder)) > 0) {
    throw new HuxinError(
      'config_invalid',
      text`${folder} has keys already: it was initialized before. To change anything edit node.yaml; what application.txt says already (names, tier, divisions, body) wants a new folder`,
    )
  }
  if (exists && fields)
    throw new HuxinError(
      'config_invalid',
      text`${file} is there already: leave out --id and what belongs to it, or remove the file`,
    )
  if (!exists) {
    if (!fields)
      throw new HuxinError(
        'config_invalid',
        text`${file} is missing: write it first (see nodes/README.md), or give --id, --tier, --body and --certs`,
      )
    const content = formatConfig(fields)
    const { faults } = parseConfig(content, folder)
    // A bad file would stand in the way of the next try.
    if (faults.length > 0)
      throw new HuxinError(
        'config_invalid',
        text`nothing was written, ${faults.length} field(s) are bad:\n${formatFaults(faults)}`,
      )
    await makeFolder(folder)
    await writeWhole(file, content, 0o644)
  }
  const config = await loadConfig(folder)
  // Under their own name last: an init that was cut off goes on with the keys that it made.
  const pending = join(folder, 'keys', 'next')
  const keys = await makeKeys(pending, config.node, { random })
  await createSubjectKey(folder, { random })
  const base = {
    member: config.node,
    tier: config.tier,
    divisions: config.divisions,
    body: config.body,
    host: config.host,
    noteVkey: keys.note.vkey,
    cosignVkey: keys.cosign.vkey,
    authorities: await authoritiesOf(config, clock),
  }
  if (!config.parent) {
    const today = civilDate(clock.nowMs())
    const statement = rootStatement(
      {
        ...base,
        epoch: 1,
        validFrom: today,
        validTo: `${Number(today.slice(0, 4)) + 10}-12-31`,
        actor: fields?.actor ?? '-',
        document: '-',
        reason: 'root',
      },
      keys.note,
    )
    await writeWhole(
      join(folder, 'join.json'),
      formatJoinFile({
        anchors: [{ name: config.node, vkey: keys.note.vkey }],
        statements: [statement],
        parentCheckpoint: new Uint8Array(),
        heads: [],
        parentAddress: '',
        protocol: PROTOCOL_VERSION,
      }),
    )
  } else {
    await writeWhole(
      join(folder, 'application.txt'),
      signApplication({ ...base, parent: config.parent.node }, keys.note),
      0o644,
    )
  }
  await renameWhole(pending, join(folder, 'keys', '1'))
  return config.parent && join(folder, 'application.txt')
}

/**
 * Takes the answer to an application. When it admits the keys as a new epoch, they go there, and the node
 * takes back what its parent holds at its next start.
 * @throws HuxinError config_invalid when it is another node's
 */
export async function joinNode(folder: string, joinFile: Uint8Array): Promise<void> {
  const config = await loadConfig(folder)
  const answer = parseJoinFile(joinFile)
  const statement = parseStatement(parseNote(answer.statements.at(-1) ?? new Uint8Array()).text)
  const keys = join(folder, 'keys')
  const [place] = await Promise.all(
    ['next', String(await currentEpoch(folder))].map(async (name) => {
      const text = await readFile(join(keys, name, 'note.key'), 'utf8').catch(() => undefined)
      return text !== undefined && parseSignerKey(text.trim()).vkey === statement.noteVkey
        ? name
        : undefined
    }),
  ).then((found) => found.filter((name) => name !== undefined))
  if (place === undefined || statement.member !== config.node) {
    throw new HuxinError(
      'config_invalid',
      text`the join file does not admit the keys in ${keys}: it answers another application`,
    )
  }
  if (place !== String(statement.epoch)) {
    // In this order: an epoch whose keys are in force without the mark would take nothing back.
    await markRecovering(folder, statement.epoch)
    await renameWhole(join(keys, place), join(keys, String(statement.epoch)))
  }
  await writeWhole(join(folder, 'join.json'), joinFile)
}

/**
 * Pins one more root, of a federation that will stand above this one or below it; read at the next start.
 * @throws HuxinError argument_invalid | config_invalid
 */
export async function pinRoot(folder: string, vkey: string): Promise<TrustAnchor> {
  const config = await loadConfig(folder)
  const joined = await readJoin(config)
  const anchor = { name: rootName(vkey), vkey }
  const anchors = joined.anchors.some((known) => known.vkey === vkey)
    ? joined.anchors
    : [...joined.anchors, anchor]
  FederationState.from(anchors)
  await writeWhole(join(folder, 'join.json'), formatJoinFile({ ...joined, anchors }))
  return anchor
}

function rootName(vkey: string): string {
  try {
    return parseVkey(vkey).name
  } catch (error) {
    throw new HuxinError(
      'argument_invalid',
      text`${JSON.stringify(vkey.slice(0, 80))} is no root key: ${textOf(error)}`,
    )
  }
}

async function markRecovering(folder: string, epoch: number): Promise<void> {
  const { recovering } = epochFiles(folder, epoch)
  await makeFolder(dirname(recovering))
  await writeWhole(recovering, 'what the parent holds of this node is taken back\n')
}

/** One finding of `huxin node check`: `name` is what was checked, or the field of node.yaml that is bad. */
export interface NodeCheck {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  /** The same in Chinese. */
  readonly detailZh: string
}

type Finding = readonly [detail: string, detailZh: string]

/** Checks everything that can be checked before a start. Changes nothing. */
export async function checkNode(
  folder: string,
  { clock, parent = true }: { clock: Clock; parent?: boolean },
): Promise<NodeCheck[]> {
  const checks: NodeCheck[] = []
  const add = async (name: string, run: () => Promise<Finding>): Promise<boolean> => {
    try {
      const [detail, detailZh] = await run()
      checks.push({ name, ok: true, detail, detailZh })
      return true
    } catch (error) {
      checks.push({ name, ok: false, detail: textOf(error).en, detailZh: textOf(error).zh })
      return false
    }
  }
  const known = await checkConfig(folder, checks)
  if (!known) return checks
  await add('certificate', async () => {
    const { material, warnings } = await loadNodeMaterial(
      tlsFiles(known),
      known.node,
      clock.nowMs(),
    )
    const until = new Date(material.notAfterMs).toISOString().slice(0, 10)
    return [
      [`valid to ${until}`, ...warnings.map(({ en }) => en)].join('; '),
      [`有效期至 ${until}`, ...warnings.map(({ zh }) => zh)].join('；'),
    ]
  })
  await add('keys', async () => {
    const epoch = await currentEpoch(known.folder)
    if (epoch === 0)
      throw new HuxinError('config_invalid', text`there are no keys: run huxin node init`)
    await loadKeys(known.folder, epoch, known)
    const { mode } = await stat(epochFiles(known.folder, epoch).noteKey)
    if ((mode & 0o077) !== 0)
      throw new HuxinError('config_invalid', text`note.key can be read by others: chmod 600 it`)
    return [`epoch ${epoch}`, `纪元 ${epoch}`]
  })
  await add('membership', async () => {
    const joined = await readJoin(known)
    const { statements } = joined
    const stated = trustOf(joined).member(known.node)
    if (stated && stated.serial >= 0 && stated.divisions.join(' ') !== known.divisions.join(' ')) {
      throw new HuxinError(
        'config_invalid',
        text`divisions of node.yaml are ${known.divisions.join(' ') || '-'}, those of the statement of ${known.node} ${stated.divisions.join(' ') || '-'}: the statement holds, and node.yaml alone changes nothing; a node that takes others over applies anew, in a new folder (huxin node init)`,
      )
    }
    return [
      `${statements.length} statement(s) from the root`,
      `自根节点起 ${statements.length} 条成员声明`,
    ]
  })
  await add('file handles', () => handlesFit(known))
  await add('port', () => portFree('listen', known.listen))
  if (known.audit) await add('audit port', () => portFree('audit.listen', known.audit!))
  if (known.parent && parent) await add('parent', () => askParent(known, clock))
  return checks
}

/** One finding for each bad field, so that they are mended together. */
async function checkConfig(folder: string, checks: NodeCheck[]): Promise<NodeConfig | undefined> {
  try {
    const { config, faults } = parseConfig(await readConfigFile(folder), resolve(folder))
    if (config)
      checks.push({
        name: 'configuration',
        ok: true,
        detail: `${config.node}, ${config.tier}`,
        detailZh: `${config.node}，${term(config.tier).zh}`,
      })
    for (const { path, message, hint } of faults)
      checks.push({
        name: path,
        ok: false,
        detail: `${message.en}: ${hint.en}`,
        detailZh: `${message.zh}：${hint.zh}`,
      })
    return config
  } catch (error) {
    checks.push({
      name: 'configuration',
      ok: false,
      detail: textOf(error).en,
      detailZh: textOf(error).zh,
    })
    return undefined
  }
}

/** This process has the limit of the shell it runs in; a service has its own. */
async function handlesFit(config: NodeConfig): Promise<Finding> {
  const limit = await handleLimit()
  const { connectionsMax } = fitHandles(config, limit)
  const wanted = handlesOf({ ...config, connectionsMax })
  if (limit === undefined)
    return [
      `${connectionsMax} connections take ${wanted}; this system does not say how many there may be`,
      `${connectionsMax} 个连接需 ${wanted} 个文件句柄；本系统不提供上限`,
    ]
  return [
    `${connectionsMax} connections take ${wanted}, ${limit} may be open here`,
    `${connectionsMax} 个连接需 ${wanted} 个文件句柄，此处上限 ${limit}`,
  ]
}

async function portFree(field: string, listen: NodeConfig['listen']): Promise<Finding> {
  await new Promise<void>((resolve, reject) => {
    const server = createServer().once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new HuxinError(
          'config_invalid',
          text`${field}: ${formatAddress(listen)} cannot be had: ${error.code === 'EADDRINUSE' ? text`another process listens there; is the node running?` : text`${textOf(error)}; name an address of this machine, or 0.0.0.0`}`,
        ),
      ),
    )
    server.listen(listen.port, listen.host, () => server.close(() => resolve()))
  })
  return [`${formatAddress(listen)} is free`, `${formatAddress(listen)} 空闲`]
}

async function askParent(config: NodeConfig, clock: Clock): Promise<Finding> {
  const parent = config.parent!
  const channel = await dialParent(config, clock)
  try {
    const before = clock.nowMs()
    const answer = await channel
      .client(ExchangeService)
      .recall({ protocol: PROTOCOL_VERSION, logOrigin: `${config.node}/1` }, { timeoutMs: 10_000 })
      .catch(explainChain)
    const offsetMs = Number(answer.timeMs) - Math.round((before + clock.nowMs()) / 2)
    if (Math.abs(offsetMs) > limits.clockOffsetMsMax)
      throw new HuxinError(
        'clock_wrong',
        text`the clock is ${durationOf(Math.abs(offsetMs))} off the parent's: set it`,
      )
    return [
      `${parent.node} answers; clocks differ by ${durationOf(offsetMs).en}`,
      `${parent.node} 应答正常，时差 ${durationOf(offsetMs).zh}`,
    ]
  } finally {
    channel.close()
  }
}

/** TLS names no file: whoever set up the node has to know which. */
function explainChain(error: unknown): never {
  if (!isHuxinError(error, 'peer_unreachable') || !/certificate|alert/i.test(error.message))
    throw error
  throw new HuxinError(
    error.code,
    text`${error.text}. The parent's certificate leads to no root in tls.roots here, or this node's to none of the parent's: both sides pin the root of one federation`,
    { cause: error },
  )
}

function tlsFiles({ tls }: NodeConfig): TlsFiles {
  return { certificateFile: tls.certificate, keyFile: tls.key, rootFiles: tls.roots }
}

/** Who issued the certificate that is configured; undefined where none can be used yet. */
async function authoritiesOf(
  config: NodeConfig,
  clock: Clock,
): Promise<readonly string[] | undefined> {
  const loaded = await loadNodeMaterial(tlsFiles(config), config.node, clock.nowMs()).catch(
    () => undefined,
  )
  return loaded && [loaded.material.identity.issuer]
}

async function dialParent(config: NodeConfig, clock: Clock): Promise<WireChannel> {
  const { material } = await loadTlsMaterial(tlsFiles(config), clock.nowMs())
  const member = trustOf(await readJoin(config)).member(config.parent!.node)
  return WireChannel.dial({
    address: config.parent!.address,
    expectedNodeName: config.parent!.node,
    checkServer: (server) => member && checkIssuer(member, server),
    material,
    clock,
    ...(config.parent!.proxy ? { proxy: config.parent!.proxy } : {}),
  })
}

/** Folds everything derived anew. The node must not run. @returns number of entries */
export async function rebuildNode(
  folder: string,
  onProgress?: (done: bigint, total: bigint) => void,
): Promise<bigint> {
  const config = await loadConfig(folder)
  const epoch = await currentEpoch(config.folder)
  const keys = await loadKeys(config.folder, epoch, config)
  await placeDatabase(config.folder, epoch, systemDisk)
  const store = await levelEngine.open(epochFiles(config.folder, epoch).database, { create: false })
  try {
    return await rebuildStore(
      store,
      genesisOf(config, await readJoin(config), keys.subject),
      onProgress,
    )
  } finally {
    await store.close()
  }
}

/**
 * Begins a new epoch after a restored snapshot or a lost disk: new keys, signed by the old note key and
 * the parent; the old log stays beside as it is. At its next start the node takes back everything that
 * the parent holds. When the note key is lost, the new keys go into an application that the operator of
 * the parent's parent approves (huxin member approve --rekey); huxin node join then begins the epoch.
 * A root asks its children at its next start (`restoration.ts`).
 * @throws HuxinError config_invalid | store_locked | parent_unreachable and what the parent answers
 */
export async function recoverNode(
  folder: string,
  { clock, random }: { clock: Clock; random: Random },
): Promise<Recovery> {
  const config = await loadConfig(folder)
  if (!config.parent) return recoverRoot(config, { random })
  const oldEpoch = Math.max(await currentEpoch(config.folder), await newestDatabase(config.folder))
  const { localSize, unsent, parentCheckpoint } = await localWork(config, oldEpoch)
  const old = await noteKeyOf(config, oldEpoch)
  const pending = join(config.folder, 'keys', 'next')
  if (
    localSize > 0n &&
    (await access(join(pending, TRANSITION)).then(
      () => true,
      () => false,
    ))
  ) {
    throw new HuxinError(
      'config_invalid',
      text`a change of epoch is under way and everything for it is here: start the node, it goes on by itself`,
    )
  }
  await rm(join(pending, TRANSITION), { force: true })
  const next = await makeKeys(pending, config.node, { random })
  await createSubjectKey(config.folder, { random })
  if (!old) {
    const application = join(config.folder, 'application.txt')
    await writeWhole(
      application,
      signApplication(
        {
          member: config.node,
          tier: config.tier,
          parent: config.parent.node,
          divisions: config.divisions,
          body: config.body,
          host: config.host,
          noteVkey: next.note.vkey,
          cosignVkey: next.cosign.vkey,
          authorities: await authoritiesOf(config, clock),
        },
        next.note,
      ),
      0o644,
    )
    return {
      oldEpoch,
      newEpoch: 0,
      localSize,
      parentSize: 0n,
      unsent,
      application,
      waitsForChildren: false,
    }
  }
  const channel = await dialParent(config, clock)
  try {
    const client = channel.client(ExchangeService)
    // Also for a root that has to hear what its children saw of it before it signs the new epoch.
    const seen = await client.recall(
      { protocol: PROTOCOL_VERSION, logOrigin: `${config.node}/${oldEpoch}`, parentCheckpoint },
      { timeoutMs: 30_000 },
    )
    const { member: current } = await memberAtParent(
      (request) => client.readBodies(request, { timeoutMs: 30_000 }),
      await readJoin(config),
      config.node,
    )
    // The parent may have made it already, and the answer was lost, or this machine stopped after it.
    const done = current.noteVkey === next.note.vkey
    const newEpoch = done ? current.epoch : current.epoch + 1
    const statement: MemberStatement = {
      ...nextStatement(current),
      epoch: newEpoch,
      noteVkey: next.note.vkey,
      cosignVkey: next.cosign.vkey,
      actor: config.node,
      reason: `recovery: ${localSize === 0n ? 'lost-disk' : 'snapshot'}`,
    }
    const { lastCheckpoint } = done
      ? seen
      : await client.renew(
          { renewal: signNote(formatStatement(statement), [old]) },
          { timeoutMs: 30_000 },
        )
    await markRecovering(config.folder, newEpoch)
    await renameWhole(pending, join(config.folder, 'keys', String(newEpoch)))
    const lines = Buffer.from(lastCheckpoint).toString().split('\n')
    return {
      oldEpoch,
      newEpoch,
      localSize,
      parentSize: /^[0-9]+$/.test(lines[1] ?? '') ? BigInt(lines[1]!) : 0n,
      unsent,
      application: undefined,
      waitsForChildren: false,
    }
  } finally {
    channel.close()
  }
}

/** What the old database still has, which of its own batches never left, and what it saw of the parent's log. */
async function localWork(
  config: NodeConfig,
  epoch: number,
): Promise<{ localSize: bigint; unsent: string[]; parentCheckpoint: Uint8Array }> {
  const files = epochFiles(config.folder, epoch)
  const unsent: string[] = []
  try {
    const store = await levelEngine.open(files.database, { create: false })
    try {
      const size = await storedSize(store)
      for (let index = 0n; index < size; index++) {
        const bytes = await store.get(entryKey(index))
        if (!bytes) continue
        const entry = parseEntry(bytes)
        if (!isBornHere(entry.source)) continue
        const batch = parseHeaderNote(entry.header)
        if (!(await store.get(receiptKey(batch.id, config.parent!.node))))
          unsent.push(`${hex(batch.id)} ${batch.header.kind} ${batch.header.records}`)
      }
      return {
        localSize: size,
        unsent,
        parentCheckpoint: await newestSeen({ store }, config.parent!.node),
      }
    } finally {
      await store.close()
    }
  } catch (error) {
    if (isHuxinError(error, 'store_locked')) throw error
    return { localSize: 0n, unsent, parentCheckpoint: new Uint8Array() }
  }
}

function formatConfig(fields: NodeFields): string {
  const certs = fields.certs
  return (
    `# ${fields.node}: see nodes/README.md for every field\n# 各字段说明见 nodes/README.zh-CN.md\n` +
    `node: ${fields.node}\ntier: ${fields.tier}\nbody: ${fields.body}\n${fields.host === undefined ? '' : `host: ${fields.host}\n`}` +
    `divisions: [${fields.divisions.map((code) => `'${code}'`).join(', ')}]\n` +
    (fields.parent
      ? `parent:\n  node: ${fields.parent.node}\n  address: ${fields.parent.address}\n`
      : '') +
    `listen: ${fields.listen}\n` +
    `tls:\n  certificate: ${certs}/node.crt\n  key: ${certs}/node.key\n  roots: [${join(certs, '../root.crt')}]\n`
  )
}
