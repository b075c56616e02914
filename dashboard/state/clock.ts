import { computed, signal } from '@preact/signals';
import { serverAheadMs } from './server.ts';

/**
 * The server's current time, updated every second while the page is visible. Only texts that depend
 * on it redraw.
 */
const machineNow = signal(Date.now());
export const now = computed(() => machineNow.value + serverAheadMs.value);

setInterval(() => {
  if (!document.hidden) machineNow.value = Date.now();
}, 1000);
document.addEventListener('visibilitychange', () => (machineNow.value = Date.now()));

export const timeModes = ['relative', 'local', 'utc'] as const;
export type TimeMode = (typeof timeModes)[number];
const storageKey = 'raincheck.time';

export const timeMode = signal<TimeMode>(
  timeModes.find((mode) => mode === localStorage.getItem(storageKey)) ?? 'relative',
);

export function showTimesAs(mode: TimeMode): void {
  timeMode.value = mode;
  localStorage.setItem(storageKey, mode);
}
