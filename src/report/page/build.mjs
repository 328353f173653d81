// SPDX-License-Identifier: BSD-2-Clause
// Bundles the page: node build.mjs SOURCES MODULES OUTPUT.c
//
// SOURCES  the directory of this file
// MODULES  a node_modules directory, made by npm ci from package-lock.json
// OUTPUT.c the page without its data, as an array of C; beside it page.html, to look at
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { deflateSync } from 'node:zlib';

const [sources, modules, output] = process.argv.slice(2).map(name => path.resolve(name));
const require = createRequire(path.join(modules, 'x.js'));
const esbuild = require('esbuild');

const bundle = await esbuild.build({
  entryPoints: [path.join(sources, 'main.js')],
  nodePaths: [modules],
  absWorkingDir: sources,
  bundle: true,
  minify: true,
  charset: 'ascii',
  format: 'iife',
  target: 'es2022',
  legalComments: 'none', // whole licences are on the page
  define: { 'process.env.NODE_ENV': '"production"' },
  metafile: true,
  write: false,
});
const style = await esbuild.build({
  entryPoints: [path.join(sources, 'page.css')], minify: true, write: false,
});

// The packages that are in the bundle, with their licences.
function packagesOf(metafile) {
  const names = Object.keys(metafile.inputs).map(name => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(name)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

async function firstFile(directory, names) {
  for (const name of names) {
    try {
      return await readFile(path.join(directory, name), 'utf8');
    } catch {
      // the next one
    }
  }
  return '';
}

async function licenceOf(name) {
  const directory = path.join(modules, name);
  const { version, license } = JSON.parse(await readFile(path.join(directory, 'package.json'), 'utf8'));
  const text = await firstFile(directory, ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'LICENCE', 'license']);
  const notice = await firstFile(directory, ['NOTICE', 'NOTICE.txt']);
  if (!text && !license)
    throw new Error(`${name} names no licence`);
  return `${name} ${version}: ${license}\n\n${text.trim()}\n\n${notice.trim()}`.trim();
}

const licences = await Promise.all(packagesOf(bundle.metafile).map(licenceOf));
const program = `window.spanflowLicences=${JSON.stringify(licences)};${bundle.outputFiles[0].text}`;
const template = await readFile(path.join(sources, 'page.html'), 'utf8');
const page = template
  .replace('@STYLE@', () => style.outputFiles[0].text.trim())
  .replace('@PROGRAM@', () => deflateSync(program, { level: 9 }).toString('base64'));

const bytes = Buffer.from(page);
const lines = [];
for (let i = 0; i < bytes.length; i += 32)
  lines.push(`${bytes.subarray(i, i + 32).join(',')},`);
await writeFile(path.join(path.dirname(output), 'page.html'), page);
await writeFile(output, `/* Made by build.mjs. */
extern const unsigned char sf_page_template[];
extern const unsigned sf_page_template_size;
const unsigned char sf_page_template[] = {
${lines.join('\n')}
};
const unsigned sf_page_template_size = sizeof(sf_page_template);
`);
