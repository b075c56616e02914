import { Page } from '../parts/page.tsx';
export function TaskView(p: { readonly name: string }) {
  return <Page title="Webhooks">{p.name}</Page>;
}
