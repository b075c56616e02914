import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { Frame } from './frame.tsx';
import { Notices, Spoken } from './parts/notices.tsx';
import { place, type Place } from './state/address.ts';
import { startFeed, stopFeed } from './state/feed.ts';
import { readWhoami } from './state/server.ts';
import { can, signedOut, token, whoami } from './state/session.ts';
import { watchTasks } from './state/tasks.ts';
import { notifyError } from './parts/notices.tsx';
import { DeliveryView } from './views/delivery.tsx';
import { EndpointView } from './views/endpoint.tsx';
import { Failures } from './views/failures.tsx';
import { Nothing } from './views/nothing.tsx';
import { OperationView } from './views/operation.tsx';
import { Operations } from './views/operations.tsx';
import { Overview } from './views/overview.tsx';
import { SignIn } from './views/sign-in.tsx';
import { TaskView } from './views/task.tsx';
import { Tasks } from './views/tasks.tsx';
import { TryIt } from './views/try-it.tsx';
import { Webhooks } from './views/webhooks.tsx';
import { Workers } from './views/workers.tsx';

let watchesTasks = false;

export function App() {
  // Asked again for each token, because its scopes decide which actions are offered.
  useSignalEffect(() => {
    void token.value;
    if (signedOut.value) return stopFeed();
    readWhoami().then(enter, (error: unknown) => signedOut.peek() || notifyError(error));
  });
  if (signedOut.value) return <SignIn />;
  return (
    <>
      <Frame>{whoami.value === null ? null : viewAt(place.value)}</Frame>
      <Notices />
      <Spoken />
    </>
  );
}

function enter(): void {
  if (can('read')) startFeed();
  if (watchesTasks) return;
  watchesTasks = true;
  watchTasks();
}

function viewAt({ parts }: Place): JSX.Element {
  const [view = '', id, ...rest] = parts;
  // A token that may only submit gives access to nothing else.
  if (!can('read')) return <TryIt task={view === 'try' ? (id ?? null) : null} />;
  if (rest.length > 0) {
    if (view !== 'webhooks' || rest.length > 1) return <Nothing />;
    if (id === 'endpoints') return <EndpointView key={rest[0]} id={rest[0] ?? ''} />;
    if (id === 'deliveries') return <DeliveryView key={rest[0]} id={rest[0] ?? ''} />;
    return <Nothing />;
  }
  switch (view) {
    case '':
      return <Overview />;
    case 'operations':
      return id === undefined ? <Operations /> : <OperationView key={id} id={id} />;
    case 'dead-letters':
      return <Failures />;
    case 'webhooks':
      return <Webhooks part={id ?? 'endpoints'} />;
    case 'tasks':
      return id === undefined ? <Tasks /> : <TaskView key={id} name={id} />;
    case 'workers':
      return <Workers />;
    case 'try':
      return <TryIt task={id ?? null} />;
    default:
      return <Nothing />;
  }
}
