import type { ComponentChildren } from 'preact';
import type { ErrorGroup } from '../state/stats.ts';
import { count } from '../state/text.ts';
import { Empty } from './empty.tsx';
import { Time } from './time.tsx';

/** Failed operations grouped by kind of error, the most frequent first. */
export function ErrorGroupList(p: {
  readonly groups: readonly ErrorGroup[];
  readonly actions?: (group: ErrorGroup) => ComponentChildren;
}) {
  if (p.groups.length === 0) return <Empty title="Nothing has failed" />;
  return (
    <ul class="groups">
      {p.groups.map((group) => (
        <li key={group.fingerprint}>
          <strong class="num group-count">{count(group.count)}</strong>
          <div class="group-text">
            <p>
              <a href={`tasks/${encodeURIComponent(group.task)}`}>{group.task}</a>{' '}
              <code class="code-word">{group.code}</code>
            </p>
            <p class="group-detail">{group.sample_detail || group.title}</p>
            <p class="dim small">
              last <Time at={group.last_at} />, first <Time at={group.first_at} />,{' '}
              <a href={`operations/${group.sample_operation_id}`}>an example</a>
            </p>
          </div>
          {p.actions === undefined ? null : <div class="actions">{p.actions(group)}</div>}
        </li>
      ))}
    </ul>
  );
}
