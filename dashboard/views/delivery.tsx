import { Page } from '../parts/page.tsx';
export function DeliveryView(p: { readonly id: string }) {
  return <Page title="Webhooks">{p.id}</Page>;
}
