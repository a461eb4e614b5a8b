// Builds web/dist, which is committed and embedded in the program (cmake/JajuWebAssets.cmake).
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const web = import.meta.dirname;

// What jaju_web_sources_hash in cmake/JajuWebAssets.cmake computes too.
function sourcesHash(): string {
  const folders = ['src', 'public'].flatMap((folder) =>
    readdirSync(join(web, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(web.length + 1)),
  );
  const files = [
    'csp.txt',
    'index.html',
    'package-lock.json',
    'package.json',
    'tsconfig.json',
    'vite.config.ts',
    ...folders,
  ];
  const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
  return sha256(
    files
      .sort()
      .map((file) => `${sha256(readFileSync(join(web, file)))}  ${file}\n`)
      .join(''),
  );
}

// Writes dist/sources.sha, by which CMake and the tests know that dist is what the sources build.
const recordSources: Plugin = {
  name: 'record-sources',
  apply: 'build',
  writeBundle: (options) => writeFileSync(join(options.dir ?? '', 'sources.sha'), `${sourcesHash()}\n`),
};

// KaTeX's style sheet offers each font three times; every browser we support reads woff2.
const woff2Only: Plugin = {
  name: 'woff2-only',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('katex.css')
      ? code.replace(/,\s*url\([^)]*\.(?:woff|ttf)\) format\(["'][a-z]+["']\)/g, '')
      : undefined,
};

export default defineConfig({
  root: web,
  base: './', // also works under a path of a reverse proxy
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  plugins: [woff2Only, recordSources],
  build: {
    target: ['chrome111', 'firefox113', 'safari16.4'],
    outDir: 'dist',
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0, // the policy allows no data: addresses
    license: { fileName: 'licenses.md' }, // of what is bundled; it travels with the program
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/v1': process.env.JAJU_SERVER ?? 'http://127.0.0.1:8080' } },
});
