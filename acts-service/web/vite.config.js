// Builds the web app into dist/. Nothing is inlined: the service's content security policy allows no inline script or style.
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Writes the names of everything the app needs to start, and a version made of their contents, into the service worker. */
function shellFiles() {
  return {
    name: 'shell-files',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const worker = bundle['sw.js'];
        const built = Object.values(bundle).filter((file) => file !== worker && !file.fileName.endsWith('.map'));
        const icons = readdirSync(folder('public/icons')).map((name) => `/icons/${name}`);
        const files = ['/', ...built.filter(({ fileName }) => fileName !== 'index.html').map(({ fileName }) => `/${fileName}`)];
        const version = createHash('sha256');
        for (const file of built) version.update(file.fileName).update(file.type === 'chunk' ? file.code : file.source);
        const shell = { version: version.digest('hex').slice(0, 12), files: [...files, '/manifest.webmanifest', ...icons].sort() };
        worker.code = worker.code.replace(/["'`]SHELL["'`]/, () => JSON.stringify(JSON.stringify(shell)));
      },
    },
  };
}

export default {
  root: folder('.'),
  base: '/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [shellFiles()],
  build: {
    outDir: folder('dist'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { app: folder('index.html'), sw: folder('service-worker/service-worker.ts') },
      output: {
        entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        chunkFileNames: 'assets/chunk-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
};
