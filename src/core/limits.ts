/**
 * A limit on everything. docs/limits.md says what a client sees at each limit; most limits can be
 * set, within the bounds here. Bytes are of UTF-8, `Chars` are UTF-16 units.
 */
export const limits = {
  // A request.
  bodyBytes: 1_048_576,
  jsonDepth: 64,
  jsonMembers: 100_000,
  urlChars: 8_192,
  headerBytes: 16_384,
  idempotencyKeyChars: 255,
  preferWaitSecondsMax: 60,
  labels: 16,
  labelKeyChars: 64,
  labelValueChars: 256,
  /** Most errors reported for one input: a list of a million wrong items would have a million. */
  inputErrors: 100,
  /** Most tokens with scopes: each is compared with the token of a request. */
  tokensMax: 100,
  // An operation.
  taskNameChars: 100,
  taskPathChars: 200,
  concurrencyKeyChars: 200,
  attemptsMax: 1_000,
  recoveriesMax: 3,
  /**
   * The same for batches and redrives, which never end their worker themselves: a handler that ran
   * beside them did.
   */
  ownRecoveriesMax: 100,
  /** Ended attempts shown of one operation: the latest ones. */
  attemptsShown: 20,
  priorityMin: -100,
  priorityMax: 100,
  /** The longest delayed start or back-off. */
  delayMsMax: 366 * 86_400_000,
  timeoutMsMax: 30 * 86_400_000,
  retentionMsMin: 86_400_000,
  retentionMsDefault: 7 * 86_400_000,
  retentionMsMax: 366 * 86_400_000,
  idempotencyMs: 86_400_000,
  progressMessageChars: 500,
  errorDetailChars: 4_096,
  // What handlers log.
  /** Message and fields of one line, as JSON; the rest is cut off. */
  logLineBytes: 2_048,
  /** Size of a chunk of lines, and the number of latest chunks kept of an operation. */
  logChunkBytes: 8_192,
  logChunks: 32,
  /**
   * Lines that an attempt wrote and that are not stored yet. Above either limit, those in the
   * middle are dropped.
   */
  logBufferLines: 200,
  logBufferBytes: 32_768,
  /** Most lines in the answer to one read. */
  logPageLines: 1_000,
  /** Time between two writes of one attempt's lines. */
  logMs: 500,
  // A result.
  resultInlineBytes: 16_384,
  resultBytesDefault: 64 * 1_048_576,
  resultChunkBytes: 262_144,
  /** Many parsers refuse deeper JSON; a cycle ends here as well. */
  resultDepth: 256,
  // The queue.
  pendingMaxDefault: 1_000_000,
  // The engine.
  concurrencyDefault: 64,
  concurrencyMax: 10_000,
  /**
   * Batches and redrives that run at once in one process, give or take the size of one claim: they
   * hold no slots.
   */
  ownAttempts: 16,
  leaseMsDefault: 15_000,
  leaseMsMin: 1_000,
  leaseMsMax: 3_600_000,
  waitersMax: 10_000,
  /**
   * Longest note, in characters; learned estimates that do not fit are stored without their stages.
   */
  noteChars: 4 * 1_048_576,
  /** Notes that one call reads or removes. */
  notesRead: 500,
  /**
   * For several processes on one store: how often each sends a heartbeat, when the others count it
   * as dead, and how long they still show a dead one.
   */
  nodeHeartbeatMs: 5_000,
  nodeDeadMs: 17_500,
  nodeDeadKeptMs: 3_600_000,
  /** How often a process whose store no other process can open sends its heartbeat. */
  nodeAloneMs: 60_000,
  /**
   * Statistics of a process: how often they are saved, their size in characters, and the characters
   * saved a second.
   */
  statsSavedMs: 10_000,
  statsChars: 262_144,
  statsCharsPerSecond: 10_000,
  /** When another process takes over the statistics of one whose heartbeat is missing. */
  statsLeftMs: 600_000,
  /** How old an answer about the other processes may be. */
  nodesCachedMs: 1_000,
  /** Pending operations whose waits are estimated: about 35 MB. */
  foreseenMax: 100_000,
  /** Rows that one sweep or prune changes before it lets others write. */
  sweepRows: 500,
  /** Rows that one claim looks at before it lets others write. */
  claimScanRows: 1_000,
  /**
   * Bytes that one commit removes before it lets others write, and bytes that one prune removes in
   * all.
   */
  removeBytes: 16 * 1_048_576,
  pruneBytes: 1_024 * 1_048_576,
  // A page of the list.
  pageSizeDefault: 50,
  pageSizeMax: 200,
  /**
   * Rows that one page of a filtered list looks at; beyond them the page is short and the cursor
   * goes on.
   */
  pageScanRows: 10_000,
  /** Bytes that one page of a list filtered by text looks at. */
  pageScanBytes: 16 * 1_048_576,
  /** Added to the text of each row for that count: 4,096 rows are looked at if they are small. */
  pageScanRowBytes: 4_096,
  filterTextChars: 200,
  /** Members of the input that one filter compares. */
  filterInputs: 8,
  /** Members of the input that a task may redact. */
  redactPaths: 50,
  // Batches.
  batchMax: 100_000,
  /** Operations that a batch changes at once. */
  batchChunk: 50,
  /** How many operations a dry run counts, and over how many pages. */
  batchCountMax: 10_000,
  batchCountPages: 100,
  // Groups of errors.
  errorScanMax: 2_000,
  errorScanPages: 10,
  errorSinceMsDefault: 86_400_000,
  // Webhooks.
  webhookUrlChars: 2_048,
  webhookHeaders: 10,
  webhookHeaderBytes: 4_096,
  /**
   * How long the addresses of a receiver are cached, and for how many names; each cached address is
   * checked each time it is used.
   */
  webhookLookupMs: 5_000,
  webhookLookupNames: 1_000,
  /**
   * Connections of this process: open to one origin, idle in all, how long one may be idle, and how
   * old it may get.
   */
  webhookConnectionsMax: 16,
  webhookIdleConnections: 64,
  webhookIdleMs: 4_000,
  webhookConnectionAgeMs: 60_000,
  /**
   * Endpoints asked for their consent at once, how long we wait for each answer, and the deliveries
   * a minute that we ask each to allow.
   */
  webhookHandshakes: 16,
  webhookHandshakeMs: 5_000,
  webhookRequestRate: 6_000,
  /**
   * Look-ups of names under way. Beyond them, a client that names an address does not wait for
   * another look-up.
   */
  webhookLookups: 256,
  /** Registered endpoints of one tenant. */
  endpointsMax: 100,
  endpointDescriptionChars: 500,
  /** Names of tasks that one endpoint may be restricted to. */
  endpointTasks: 100,
  /** Live secrets of one owner: each signs every delivery. */
  secretsMax: 5,
  secretGraceMsDefault: 86_400_000,
  secretGraceMsMax: 7 * 86_400_000,
  /** Attempts of a delivery, the first included (core/delivery-schedule.ts). */
  deliveryFailuresMax: 12,
  deliveryAttemptMsDefault: 15_000,
  deliveryConnectMsDefault: 5_000,
  /** How long a delivery may wait, held included, before it expires. */
  deliveryTtlMs: 5 * 86_400_000,
  /** How long delivered, cancelled and expired deliveries are kept. */
  deliveryMs: 7 * 86_400_000,
  deadLetterMs: 30 * 86_400_000,
  deliveryResponseBytes: 16_384,
  /** The same with headers, interim answers and framing; beyond it the connection is closed. */
  deliveryWireBytes: 262_144,
  deliveryExcerptBytes: 4_096,
  deliveryAnswerHeaderChars: 4_096,
  deliveryAttemptsShown: 50,
  deliveryCountMax: 10_000,
  /**
   * Attempts in flight at once: of this process, and of all processes to one endpoint and to one
   * origin.
   */
  deliveriesInFlightDefault: 64,
  /** An attempt that lasts longer gives its slot to another and goes on without one. */
  deliverySlotMs: 250,
  /** Attempts under way for each slot, including those that gave their slot away. */
  deliveriesPerSlot: 16,
  endpointInFlightDefault: 4,
  originInFlightDefault: 16,
  /** Endpoints that one claim looks at. */
  deliveryScanEndpoints: 1_000,
  circuitFailures: 5,
  failingMsMax: 5 * 86_400_000,
  /** The longest Retry-After of a receiver that is honoured. */
  retryAfterGateMsMax: 86_400_000,
  /** Time between two progress events of one operation. */
  progressEventMs: 500,
  /** How long started and progress events may wait before they are out of date. */
  progressEventTtlMs: 60_000,
  /** A larger result is left out of the body of an event, which then has only its address. */
  webhookResultBytes: 2_048,
  /** Deliveries a second that a bulk redrive sends again or discards. */
  redrivePerSecondDefault: 50,
  redrivePerSecondMax: 1_000,
  /** Webhooks that the inbox of `raincheck dev` holds, and the size of each body. */
  inboxWebhooks: 100,
  inboxBodyBytes: 262_144,
  // Event streams.
  eventStreamsMax: 10_000,
  /** A comment is sent this often to show that the stream is alive. */
  eventPingMs: 15_000,
  /** After this time the stream ends, and its client reconnects with Last-Event-ID. */
  eventStreamMs: 3_600_000,
  /** Streams of all operations (the feed) in one process. */
  feedStreamsMax: 100,
  /** Feed streams with one token, so that one client leaves room for the others. */
  feedStreamsPerToken: 50,
  /** Operations a second that a feed stream sends. */
  feedEventsPerSecond: 100,
  /** Operations waiting to be sent, in all and for one slow reader. */
  feedBacklog: 200,
  /** Time between two ticks with counts, and between two looks for changes by other processes. */
  feedTickMs: 2_000,
  // Polling.
  retryAfterSecondsMin: 1,
  retryAfterSecondsMax: 60,
  /** When more clients poll than the budget allows, the last are told to come back this late. */
  retryAfterPutOffSecondsMax: 960,
  pollsPerSecondDefault: 1_000,
  pollsPerSecondMax: 1_000_000,
} as const;
