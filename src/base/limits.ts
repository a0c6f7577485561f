/** Every limit of the product, with its unit, in one place. */

export const limits = {
  /** Bytes of one record. */
  recordBytesMax: 65_536,
  /** Records of one batch. */
  batchRecordsMax: 100_000,
  /** Bytes of a body; a package must fit into one message. */
  bodyBytesMax: 3_500_000,
  /** Bytes of a batch header note. */
  headerBytesMax: 32_768,
  /** Lanes of one header. */
  lanesMax: 64,
  /** Bytes of one log entry (C2SP tlog-tiles: uint16). */
  entryBytesMax: 65_535,
  /** Bytes of one gRPC message. */
  messageBytesMax: 4 << 20,
  /** Bytes of any other signed note. */
  noteBytesMax: 65_536,
  /** Signature lines of a note. */
  noteSignaturesMax: 64,
  /** Withdrawals that one restoration undoes. */
  withdrawalsMax: 16,
  /** Faults reported for one batch. */
  faultsMax: 1_000,
  /** Bytes of bodies gathered into one Submit or asked for in one ReadBodies; one batch may be larger. */
  pageBytes: 1_000_000,
  /** Batches of one Submit. */
  submitBatchesMax: 64,
  /** Leaves of one piece of the spine. */
  spineLeavesMax: 65_536,
  /** Bytes of bodies in one answer of ReadBodies, unless a single batch is larger. */
  readBytesMax: 3_500_000,
  /** Milliseconds a long poll waits; below the 60 s after which middleboxes cut idle connections. */
  pollWaitMsMax: 45_000,
  /** Milliseconds that two clocks may differ before a node says so. */
  clockOffsetMsMax: 300_000,
  /** HTTP/2 window, bytes. */
  windowBytes: 4 << 20,
} as const
