import { render } from 'preact';
import { App } from './app.tsx';
import { followLinks } from './state/address.ts';

followLinks();
const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
