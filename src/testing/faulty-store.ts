import { RaincheckError } from '../core/errors.ts';
import type { Store } from '../store/store.ts';

export type StoreVerb = Exclude<keyof Store, 'name' | 'capabilities' | 'hints' | 'warnings'>;

export type Fault = {
  /** The first call to fail, from 1; calls of other verbs are not counted. */
  readonly nth: number;
  /** Calls that fail from there on. Default 1; Infinity: the store stays away until `heal`. */
  readonly count?: number;
  /**
   * before: nothing has happened. after: the call took effect and its answer is lost, which is what makes
   * a failed commit ambiguous. Both reject with `store_unavailable`: a caller cannot tell them apart.
   */
  readonly when: 'before' | 'after';
  /** Default: all but `close`. */
  readonly verbs?: readonly StoreVerb[];
};

export type FaultyStore = {
  readonly store: Store;
  /** How many calls have failed: 0 ends a loop over nth = 1, 2, 3, … */
  readonly failures: () => number;
  /** No call fails any more. */
  heal(): void;
};

/** `inner` with a fault on the way to it. */
export function faultyStore(inner: Store, fault: Fault): FaultyStore {
  const last = fault.nth + (fault.count ?? 1) - 1;
  let calls = 0;
  let failures = 0;
  let healed = false;

  function fails(verb: StoreVerb): boolean {
    if (fault.verbs === undefined ? verb === 'close' : !fault.verbs.includes(verb)) return false;
    calls += 1;
    if (healed || calls < fault.nth || calls > last) return false;
    failures += 1;
    return true;
  }

  async function around<Answer>(verb: StoreVerb, call: () => Promise<Answer>): Promise<Answer> {
    const failing = fails(verb);
    if (failing && fault.when === 'before') throw unavailable(verb);
    const answer = await call();
    if (failing) throw unavailable(verb);
    return answer;
  }

  async function* readResult(p: Parameters<Store['readResult']>[0]): AsyncGenerator<Uint8Array> {
    const failing = fails('readResult');
    if (failing && fault.when === 'before') throw unavailable('readResult');
    yield* inner.readResult(p);
    if (failing) throw unavailable('readResult');
  }

  const store: Store = {
    name: inner.name,
    capabilities: inner.capabilities,
    hints: inner.hints,
    warnings: inner.warnings,
    createOperations: (p) => around('createOperations', () => inner.createOperations(p)),
    claimOperations: (p) => around('claimOperations', () => inner.claimOperations(p)),
    settleAttempts: (p) => around('settleAttempts', () => inner.settleAttempts(p)),
    extendLeases: (p) => around('extendLeases', () => inner.extendLeases(p)),
    appendLogs: (p) => around('appendLogs', () => inner.appendLogs(p)),
    sweepExpired: (p) => around('sweepExpired', () => inner.sweepExpired(p)),
    readOperation: (p) => around('readOperation', () => inner.readOperation(p)),
    isGone: (p) => around('isGone', () => inner.isGone(p)),
    readInput: (p) => around('readInput', () => inner.readInput(p)),
    readResult,
    listOperations: (p) => around('listOperations', () => inner.listOperations(p)),
    listAttempts: (p) => around('listAttempts', () => inner.listAttempts(p)),
    readLogs: (p) => around('readLogs', () => inner.readLogs(p)),
    requestCancel: (p) => around('requestCancel', () => inner.requestCancel(p)),
    removeOperation: (p) => around('removeOperation', () => inner.removeOperation(p)),
    setTaskPaused: (p) => around('setTaskPaused', () => inner.setTaskPaused(p)),
    readTasks: () => around('readTasks', () => inner.readTasks()),
    readNote: (p) => around('readNote', () => inner.readNote(p)),
    writeNote: (p) => around('writeNote', () => inner.writeNote(p)),
    readNotes: (p) => around('readNotes', () => inner.readNotes(p)),
    replaceNote: (p) => around('replaceNote', () => inner.replaceNote(p)),
    readLine:
      inner.readLine === undefined
        ? undefined
        : (p) => around('readLine', async () => inner.readLine!(p)),
    removeNotes: (p) => around('removeNotes', () => inner.removeNotes(p)),
    pruneExpired: (p) => around('pruneExpired', () => inner.pruneExpired(p)),
    createDeliveries: (p) => around('createDeliveries', () => inner.createDeliveries(p)),
    claimDeliveries: (p) => around('claimDeliveries', () => inner.claimDeliveries(p)),
    settleDeliveries: (p) => around('settleDeliveries', () => inner.settleDeliveries(p)),
    sweepDeliveries: (p) => around('sweepDeliveries', () => inner.sweepDeliveries(p)),
    readDelivery: (p) => around('readDelivery', () => inner.readDelivery(p)),
    readOperationDelivery: (p) =>
      around('readOperationDelivery', () => inner.readOperationDelivery(p)),
    listDeliveries: (p) => around('listDeliveries', () => inner.listDeliveries(p)),
    listDeliveryAttempts: (p) =>
      around('listDeliveryAttempts', () => inner.listDeliveryAttempts(p)),
    countDeliveries: (p) => around('countDeliveries', () => inner.countDeliveries(p)),
    redeliver: (p) => around('redeliver', () => inner.redeliver(p)),
    discardDeliveries: (p) => around('discardDeliveries', () => inner.discardDeliveries(p)),
    createEndpoint: (p) => around('createEndpoint', () => inner.createEndpoint(p)),
    updateEndpoint: (p) => around('updateEndpoint', () => inner.updateEndpoint(p)),
    readEndpoint: (p) => around('readEndpoint', () => inner.readEndpoint(p)),
    listEndpoints: (p) => around('listEndpoints', () => inner.listEndpoints(p)),
    removeEndpoint: (p) => around('removeEndpoint', () => inner.removeEndpoint(p)),
    readSecrets: (p) => around('readSecrets', () => inner.readSecrets(p)),
    rotateSecret: (p) => around('rotateSecret', () => inner.rotateSecret(p)),
    ping: () => around('ping', () => inner.ping()),
    close: () => around('close', () => inner.close()),
  };
  const heal = (): void => {
    healed = true;
  };
  return { store, failures: () => failures, heal };
}

function unavailable(verb: StoreVerb): RaincheckError {
  return new RaincheckError('store_unavailable', `The store failed at ${verb}, as it was told to.`);
}
