const units = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const;

/** The size for people, in powers of 1024: '512 bytes', '1.5 MB', '37 GB'. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 10 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? ''}`;
}
