/**
 * The estimator's constants. They were chosen together, by replaying traces (docs/estimates.md has the
 * figures, `npm run bench:estimates` makes them): change one and replay all.
 */
export const estimatorSettings = {
  /** Futures of one forecast, and samples it gives. */
  samples: 64,

  // What is remembered.
  /** Latest service times of a task, … */
  taskWindow: 144,
  /** … of which each counts 1/e of what the one so many later does: together as much as 70 that count the same. */
  taskFade: 36,
  /** What remained at the entry of a stage. */
  stageWindow: 64,
  pooledWindow: 512,
  /** A task with fewer of its own is drawn from the pool of all tasks. */
  taskSamplesMin: 4,
  /** Fewer in the pool say nothing: no estimate. */
  pooledSamplesMin: 5,
  /** Below this many finished operations of the task, confidence is 'low'. */
  confidentSamplesMin: 100,
  /** Further tasks share the pool. */
  tasksMax: 1_000,
  /** Stages of one task that are told apart; a message with a number in it would make one for each. */
  stagesMax: 64,
  /** Finished operations of a task before one of it is said to take longer than usual: of two, every second one does. */
  usualSamplesMin: 5,
  /** Progress buckets of a fraction: 5 % each. */
  stageFractions: 20,
  stageKeyChars: 100,
  /** Finished operations of a task by which its estimates are judged. */
  accuracyWindow: 256,

  // Estimates that several new operations share.
  firstKeptMax: 1_000,
  /** Their places differ by at most this share of a round of all slots, or of what is ahead. */
  firstRoundShare: 0.25,
  firstAheadShare: 0.1,
  firstElapsedMsMax: 100,

  // What was never seen.
  /** How far into the gap to the next longer time a draw may lie. */
  gapShare: 0.2,
  /** Fewer window values above the elapsed time than this: a Pareto tail instead. */
  tailSamplesMin: 3,
  tailExponent: 1.5,
  /** Spread of a declared duration: sigma of a lognormal whose median is the declared one. */
  declaredSigma: 0.5,

  /** Learned and not yet told to other processes. */
  newsMax: 4_096,

  // Queues.
  /** Draws of one forecast made for one operation alone; past it the shared snapshot answers. */
  drawsMax: 8_192,
  /** The same where caps or delayed starts ask for a simulation of events, which costs about four times as much a draw. */
  admissionDrawsMax: 2_048,
  /** Neighbouring positions of a snapshot differ by this factor. */
  snapshotGrowth: 1.15,
  snapshotMsMin: 250,
  /** What is told of the queue to other processes: so many equally likely waits a position, … */
  sharedWaits: 16,
  /** … and operations to find others by, whose positions differ by this factor. */
  markGrowth: 1.05,
  /** The queue as another process foresaw it is used for so long past its time, before what is counted counts. */
  sharedMsMax: 10_000,
  /** A snapshot is kept for this share of the wait of its last operation. */
  snapshotHorizonShare: 0.02,

  // The bound.
  missTarget: 0.1,
  learningRate: 0.1,
  /** More outstanding predictions than this shorten the step: their feedback is on its way already. */
  outstandingFull: 16,
  lambdaMax: 50,
  spreadShareMin: 0.02,
  spreadMsMin: 50,
} as const;

/** How polls are planned, and the bounds that hold whatever is foreseen. */
export const pollSettings = {
  /** What one poll costs, in units of relative lag. */
  pollCost: 0.013,
  /** Shorter operations are not told apart: their lag is weighed as if they took so long. */
  ageMsMin: 7_000,
  waitMsMin: 400,
  waitAgeShareMin: 0.02,
  waitMsFree: 2_000,
  waitAgeShareMax: 0.5,
  waitPredictedShareMax: 0.25,
  /** A wait is made longer by up to this share. Never shorter: a poll just before the likely end is a wasted one. */
  jitter: 0.002,
  /** Of the budget so much is promised: the rest is for polls that come later than they were asked to. */
  promisedShare: 0.95,
  capMsDefault: 60_000,
} as const;
