// Starts the app. The service worker comes after the first view, and only where the browser allows one (https or localhost).
import { render } from 'preact';
import { App } from './app.tsx';
import { startNavigation } from './navigation/navigation.ts';
import { startServiceWorker } from './start-service-worker.ts';

startNavigation();
const root = document.querySelector('#app');
if (root !== null) render(<App />, root);
if (document.readyState === 'complete') startServiceWorker();
else addEventListener('load', startServiceWorker, { once: true });
