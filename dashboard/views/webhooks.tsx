import { Page } from '../parts/page.tsx';
export function Webhooks(p: { readonly part: string }) {
  return <Page title="Webhooks">{p.part}</Page>;
}
