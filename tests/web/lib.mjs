// What the tests of the page share. JAJU_WEB is a copy of web/ with its npm packages installed (run.sh makes one).
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const web = process.env.JAJU_WEB ?? join(import.meta.dirname, '../../web');
export const fromNpm = createRequire(join(web, 'package.json'));

let vite;

/** A TypeScript module of web/src, loaded into node. */
export async function load(path) {
  if (!vite) {
    const { createServer } = await import(
      fromNpm.resolve('vite').replace(/index\.cjs$/, 'dist/node/index.js')
    );
    vite = await createServer({
      root: web,
      configFile: false,
      logLevel: 'error',
      appType: 'custom',
      server: { middlewareMode: true, ws: false, watch: null, hmr: false },
      optimizeDeps: { noDiscovery: true, include: [] },
    });
  }
  return vite.ssrLoadModule(`/src/${path}`);
}

export async function unload() {
  await vite?.close();
}

/** Seeded dice, so that a failure comes back. */
export function dice(seed) {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * sides);
  };
}
