import { render } from 'preact';
import { App } from './app.tsx';
import { followLinks } from './state/address.ts';
import './style/base.css';
import './style/frame.css';
import './style/parts.css';
import './style/views.css';

followLinks();
const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
