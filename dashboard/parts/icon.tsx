const paths = {
  overview: 'M2.5 13.500v-4m4 4v-7m4 7v-5m3.5 5V2.5',
  operations: 'M2.5 4h11m-11 4h11m-11 4h7',
  dead: 'M8 1.7 14.5 13.300h-13zM8 6v3.400m0 1.700v.2',
  webhooks:
    'M6.2 6.700a2.7 2.7 0 1 1 3.3-.6l2 3.600a2.7 2.7 0 1 1-1.6 3.800M5.5 9l-1.3.1a2.5 2.5 0 1 0 2.3 3.200h3.8',
  tasks: 'M3 2.500h10v11H3zM5.5 6l1 1 1.7-2m-2.7 5.5 1 1 1.7-2M10 6.500h1.500m-1.5 4h1.5',
  workers: 'M3.5 3.500h9v9h-9zM6 6h4v4H6zM6 1.500v2m4-2v2m-4 9v2m4-2v2M1.5 6h2m-2 4h2m9-4h2m-2 4h2',
  try: 'M4.5 2.7 13 8l-8.5 5.300z',
  search: 'M7 2.500a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zm3.3 7.8 3.5 3.5',
  copy: 'M5.5 5.500v-3h8v8h-3m-8-5h8v8h-8z',
  check: 'm3 8.5 3.2 3.200L13 4.5',
  close: 'm4 4 8 8m0-8-8 8',
  menu: 'M2.5 4.500h11m-11 3.500h11m-11 3.500h11',
  pause: 'M5.5 3.500v9m5-9v9',
  play: 'M5 3.3 12.5 8 5 12.700z',
  retry: 'M13 6.200A5.3 5.3 0 1 0 13.3 9M13.3 2.700v3.600H9.7',
  older: 'm6 3.5 4.5 4.500L6 12.5',
  out: 'M6.5 3H3v10h3.500m2.5-8 3.5 3-3.5 3m3-3h-6.5',
  link: 'M9 3h4v4m0-4L7.5 8.500M11 9.500V13H3V5h3.5',
} as const;

export type IconName = keyof typeof paths;

/** A line drawing of 16 × 16. Words beside it carry the meaning. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
