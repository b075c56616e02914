import type { Operation } from '../core/operation.ts';
import { holds } from '../core/transitions.ts';
import type { Store } from '../store/store.ts';
import type { LogBook } from './log-book.ts';
import type { OpenState } from './open-state.ts';

/** The verbs about log lines. */
export function logVerbs(
  logs: LogBook,
  open: OpenState,
  current: (id: string) => Operation | undefined,
): Pick<Store, 'appendLogs' | 'readLogs'> {
  return {
    appendLogs: async ({ entries }) => {
      open.require();
      return entries.map((entry) => {
        const operation = current(entry.id);
        if (operation === undefined || !holds(operation, entry.token)) return 'lost';
        logs.append(entry);
        return 'applied';
      });
    },
    readLogs: async (p) => {
      open.require();
      return logs.read(p);
    },
  };
}
