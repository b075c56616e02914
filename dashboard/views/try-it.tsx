import { Page } from '../parts/page.tsx';
export function TryIt(p: { readonly task: string | null }) {
  return <Page title="Webhooks">{p.task}</Page>;
}
