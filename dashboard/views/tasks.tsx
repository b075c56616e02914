import { Page } from '../parts/page.tsx';
export function Tasks() {
  return <Page title="Tasks">…</Page>;
}
