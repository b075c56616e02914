/**
 * Every name that each entry of the package exports, types too, in alphabetical order. A new name
 * is a new promise, a missing name breaks programs: entries.test.ts lets neither happen unnoticed.
 */
export const entryNames: Readonly<Record<string, string>> = {
  raincheck: `
    accept AcceptHandler AccessToken App Clock defineConfig defineTask Duration ErrorCode
    ExchangeReply ExchangeRequest fastifyRaincheck FieldError file FileContent FileResult
    HandlerLog InputMask isIsolateThread LogFormat Logger LogLevel OperationStatus parseDuration
    ProgressReport raincheck Raincheck RaincheckError RaincheckOptions RetryPolicy Role
    SchemaInput SchemaOutput Scope ServerConfig StandardSchema Store Task TaskContext TaskError
    TaskOptions WebhookSettings WireOperation WireOperationPage WireProblem WireTask
    WireTaskList
  `,
  'raincheck/client': `
    Batch BatchAction BatchClient CallOptions Client ClientOptions Clock createClient DeliveryEvent
    DeliveryFilter DeliveryListFilter DeliveryState DeliveryTrigger Duration EndpointDisabled
    EndpointHandshake EndpointMembers ErrorFilter EstimateReason FeedEvent FeedOptions
    FieldError Health HealthCode HealthStatus InputOf isFinal LineLevel ListFilter LogsOptions
    NetworkError NewEndpoint OperationEvent OperationFailed OperationFilter OperationHandle
    OperationSnapshot OperationStatus operationStore OperationStore OutcomeCode OutputOf
    PageOptions Problem ProblemError Redrive RetryNotice RunOptions Scope StatsOptions
    SubmitOptions TaskName VerifyOptions verifyWebhook WaitSettings WaitTimeout WebhookBody
    WebhookErrorCode WebhookEvent WebhookHeaders WebhooksClient WebhookVerificationError
    WireAttempt WireBatchCount WireBatched WireCreatedEndpoint WireDeadLetterGroups WireDelivery
    WireDeliveryAttempt WireDeliveryPage WireDeliveryRequest WireEndpoint WireEndpointHealth
    WireEndpointPage WireErrorGroups WireEstimate WireFeedTick WireLogLine WireOperation
    WireOperationError WireOperationEvent WireOperationPage WireOperationWebhook WireProgress
    WireQuantiles WireRedriveCount WireRotatedSecret WireSecretList WireStats WireStatsBucket
    WireTask WireTestedEndpoint WireTestEvent WireWebhookEvent WireWhoami WireWorker
  `,
  'raincheck/react': `
    OperationSource UsedOperation useOperation
  `,
  'raincheck/store': `
    afterAttempt AppendLogs AppendOutcome AttemptResult attemptUnderWay CancelOutcome
    changedEndpoint chunksAfter ClaimAtAccept ClaimDeliveries ClaimDeliveriesOutcome claimedBefore
    ClaimedDelivery ClaimedOperation ClaimOperations ClaimOutcome ClaimTask CreateOperations
    CreateOutcome decide decideAtEndpoint decideDelivery Decision Delivery DeliveryAnswer
    DeliveryAttempt DeliveryDecision DeliveryEvent DeliveryFilter DeliveryPage
    DeliverySettlement DeliveryState DeliveryStore DeliveryTimings DeliveryTransition
    DeliveryTrigger EndedAttempt Endpoint EndpointChange EndpointDisabled EndpointHandshake
    EndpointHealth EndpointPage EndpointWithCounts ExtendLeases ExtendOutcome gateStands
    HandshakeAnswer holds IdempotencyKey inFlightAllowed isDue isFinal isFinalEvent isOvertaken
    KeptLine Lease LineLevel linesAfter ListDeliveries ListOperations liveSecrets LogChunk
    LogEntry LogLine meanDurationMs NewDelivery newDelivery newOperation NewOperation Note
    Operation OperationError OperationEvent OperationFilter OperationPage OperationState
    OperationStatus OperationStore Outbox OutcomeCode OwnTasks Progress PruneOutcome RaincheckError
    ReadLogs Result rotatedSecrets SettleAttempts Settlement SettleOutcome smallestDeliveryIdAt
    smallestIdAt statesOf SteerOutcome Store StoreCapabilities StoredDelivery StoredQueue
    StoreHint StoreHints SweepExpired SweepOutcome TaskRecord tenantOwner UsedIdempotencyKey waitingState
    WebhookEvent WebhookSecret WebhookTarget
  `,
  'raincheck/testing': `
    CapturedWebhook CapturedWebhooks exerciseStore exerciseStoreCommands Fault faultyStore
    FaultyStore ManualClock memoryStore OpenedStore OpenStore StoreVerb testKit TestKit
    TestKitOptions WebhookAnswer WebhookAnswering
  `,
};
