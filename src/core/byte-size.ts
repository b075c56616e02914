const units = ['kB', 'MB', 'GB', 'TB'] as const;

/**
 * The size for people, in powers of 1000 as curl and file managers show it: '512 B', '1.5 MB',
 * '37.0 GB'.
 */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}
