import { Empty } from '../parts/empty.tsx';
import { Page } from '../parts/page.tsx';

export function Nothing() {
  return (
    <Page title="Not found">
      <Empty title="There is no such view">
        The address leads nowhere. <a href="./">To the overview</a>
      </Empty>
    </Page>
  );
}
