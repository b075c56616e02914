import { Page } from '../parts/page.tsx';
import { TaskTable } from '../parts/task-table.tsx';

export function Tasks() {
  return (
    <Page title="Tasks">
      <TaskTable full />
    </Page>
  );
}
