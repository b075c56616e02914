import { Page } from '../parts/page.tsx';
export function DeadLetters() {
  return <Page title="DeadLetters">…</Page>;
}
