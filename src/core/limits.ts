/**
 * A limit on everything. What a client meets at a limit is in docs/limits.md; most can be set, within
 * the bounds here. Bytes are of UTF-8, `Chars` are UTF-16 units.
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
  /** Misfits told of one input: a list of a million wrong items has a million. */
  inputErrors: 100,
  /** Tokens with scopes: each is compared with what a request brings. */
  tokensMax: 100,
  // An operation.
  taskNameChars: 100,
  taskPathChars: 200,
  concurrencyKeyChars: 200,
  attemptsMax: 1_000,
  recoveriesMax: 3,
  /** The same of batches and redrives: the handlers beside them are what ends workers. */
  ownRecoveriesMax: 100,
  /** Ended attempts that are told of one operation: the latest. */
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
  /** Message and fields of one line, as JSON; cut. */
  logLineBytes: 2_048,
  /** Lines are kept in chunks of so many bytes, the latest so many of an operation. */
  logChunkBytes: 8_192,
  logChunks: 32,
  /** What an attempt wrote since it was last stored: past either, the middle is dropped. */
  logBufferLines: 200,
  logBufferBytes: 32_768,
  /** Lines one read gives. */
  logPageLines: 1_000,
  /** Between two writes of one attempt's lines. */
  logMs: 500,
  // A result.
  resultInlineBytes: 16_384,
  resultBytesDefault: 64 * 1_048_576,
  resultChunkBytes: 262_144,
  /** Deeper JSON is refused by many parsers; a cycle ends here as well. */
  resultDepth: 256,
  // The queue.
  pendingMaxDefault: 1_000_000,
  // The engine.
  concurrencyDefault: 64,
  concurrencyMax: 10_000,
  /** Batches and redrives that run at once in one process, give or take those of one claim: they hold no slots. */
  ownAttempts: 16,
  leaseMsDefault: 15_000,
  leaseMsMin: 1_000,
  leaseMsMax: 3_600_000,
  waitersMax: 10_000,
  /** What the engine keeps of what it learned: more of it is not kept. */
  noteChars: 4 * 1_048_576,
  /** Notes that one call reads or removes. */
  notesRead: 500,
  /** Processes on one store: how often each tells that it lives, when the others think it dead, how long they show that. */
  nodeHeartbeatMs: 5_000,
  nodeDeadMs: 17_500,
  nodeDeadKeptMs: 3_600_000,
  /** Where no other process can have the store. */
  nodeAloneMs: 60_000,
  /** Statistics of a process: how often they are kept, how many characters of them, and how many a second. */
  statsSavedMs: 10_000,
  statsChars: 262_144,
  statsCharsPerSecond: 10_000,
  /** When what a process counted is taken over by another, since its heartbeat is missing. */
  statsLeftMs: 600_000,
  /** How old an answer about the other processes may be. */
  nodesCachedMs: 1_000,
  /** Operations that wait and are foreseen: about 35 MB. */
  foreseenMax: 100_000,
  /** Rows one sweep or prune changes before it lets others write. */
  sweepRows: 500,
  /** Rows one claim looks at before it lets others write. */
  claimScanRows: 1_000,
  /** Bytes one commit removes before it lets others write, and one prune in all. */
  removeBytes: 16 * 1_048_576,
  pruneBytes: 1_024 * 1_048_576,
  // A page of the list.
  pageSizeDefault: 50,
  pageSizeMax: 200,
  /** Rows one page of a filtered list looks at; past it the page is short and the cursor goes on. */
  pageScanRows: 10_000,
  /** Bytes one page of a list filtered by text looks at. */
  pageScanBytes: 16 * 1_048_576,
  /** What a row costs of them beside its text: 4,096 rows are looked at if they are small. */
  pageScanRowBytes: 4_096,
  filterTextChars: 200,
  /** Members of the input that one filter compares. */
  filterInputs: 8,
  /** Members of the input that a task keeps back. */
  redactPaths: 50,
  // Batches.
  batchMax: 100_000,
  /** Operations a batch changes at once. */
  batchChunk: 50,
  /** How far a dry run counts, and over how many pages. */
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
  /** How long, and for how many names, the addresses of a receiver are remembered; each is checked each time. */
  webhookLookupMs: 5_000,
  webhookLookupNames: 1_000,
  /** Connections of this process: open to one origin, kept idle in all, how long idle, and how old. */
  webhookConnectionsMax: 16,
  webhookIdleConnections: 64,
  webhookIdleMs: 4_000,
  webhookConnectionAgeMs: 60_000,
  /** Endpoints that are asked for their consent at once, how long each is waited for, and the deliveries a minute that they are asked to allow. */
  webhookHandshakes: 16,
  webhookHandshakeMs: 5_000,
  webhookRequestRate: 6_000,
  /** Look-ups of names under way beyond which a client that names an address does not wait for one more. */
  webhookLookups: 256,
  /** Registered endpoints of one tenant. */
  endpointsMax: 100,
  endpointDescriptionChars: 500,
  /** Names of tasks that one endpoint may be kept to. */
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
  /** How long delivered, cancelled and expired ones are kept. */
  deliveryMs: 7 * 86_400_000,
  deadLetterMs: 30 * 86_400_000,
  deliveryResponseBytes: 16_384,
  /** The same with headers, interim answers and framing: past it the connection is closed. */
  deliveryWireBytes: 262_144,
  deliveryExcerptBytes: 4_096,
  deliveryAnswerHeaderChars: 4_096,
  deliveryAttemptsShown: 50,
  deliveryCountMax: 10_000,
  /** Attempts of this process in flight at once, and of all processes to one endpoint and one origin. */
  deliveriesInFlightDefault: 64,
  /** An attempt that lasts longer gives its slot to another and goes on without. */
  deliverySlotMs: 250,
  /** Attempts under way in all, those without a slot included, for each slot. */
  deliveriesPerSlot: 16,
  endpointInFlightDefault: 4,
  originInFlightDefault: 16,
  /** Endpoints one claim looks at. */
  deliveryScanEndpoints: 1_000,
  circuitFailures: 5,
  failingMsMax: 5 * 86_400_000,
  /** The longest Retry-After that is honoured. */
  retryAfterGateMsMax: 86_400_000,
  /** Between two progress events of one operation. */
  progressEventMs: 500,
  /** How long started and progress events may wait: then they are out of date. */
  progressEventTtlMs: 60_000,
  /** A larger result is not in the body of an event; its address is. */
  webhookResultBytes: 2_048,
  /** Deliveries a second that a bulk redrive sends again or discards. */
  redrivePerSecondDefault: 50,
  redrivePerSecondMax: 1_000,
  /** Webhooks that the inbox of `raincheck dev` holds, and the body of each. */
  inboxWebhooks: 100,
  inboxBodyBytes: 262_144,
  // Event streams.
  eventStreamsMax: 10_000,
  /** A comment this often shows that the stream lives. */
  eventPingMs: 15_000,
  /** Then the stream ends, and its client comes back with Last-Event-ID. */
  eventStreamMs: 3_600_000,
  /** Streams of all operations, of one process. */
  feedStreamsMax: 100,
  /** Of these with one token: whoever has it leaves room for the others. */
  feedStreamsPerToken: 50,
  /** Operations a second that they are told. */
  feedEventsPerSecond: 100,
  /** Operations that wait to be told, in all and of one slow reader. */
  feedBacklog: 200,
  /** Between two ticks with counts, and between two looks for what other processes did. */
  feedTickMs: 2_000,
  // Polling.
  retryAfterSecondsMin: 1,
  retryAfterSecondsMax: 60,
  /** Where more clients poll than the budget has room for, the last are put off this far. */
  retryAfterPutOffSecondsMax: 960,
  pollsPerSecondDefault: 1_000,
  pollsPerSecondMax: 1_000_000,
} as const;
