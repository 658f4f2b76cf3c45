/** Every snippet of the README is of the right types; the first, which is the document's own, runs. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { StandIn } from './stand-in.js';

const HERE = new URL('.', import.meta.url);
const README = readFileSync(new URL('../README.md', HERE), 'utf8');
const SNIPPETS = [...README.matchAll(/^```typescript\n(.*?)^```$/gms)].map((match) => match[1] ?? '');

test('the snippets are of the right types', () => {
  const files = SNIPPETS.map((snippet, number) => {
    const file = fileURLToPath(new URL(`snippet-${number}.ts`, HERE));
    writeFileSync(file, snippet);
    return file;
  });
  const program = ts.createProgram(files, {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
    types: [],
  });
  const said = ts.getPreEmitDiagnostics(program).map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'));
  program.emit();

  assert.deepEqual(said, []);
  assert.equal(files.length, 6);
});

test('the document’s snippet runs', async () => {
  const service = new StandIn();
  const server = createServer(async (request, answer) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const told = await service.answer(`http://127.0.0.1${request.url}`, { method: request.method ?? 'GET', body });
    answer.writeHead(told.status, Object.fromEntries(told.headers)).end(await told.text());
  });
  await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
  const { port } = server.address() as AddressInfo;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL('snippet-0.js', HERE))], {
      env: { ...process.env, TERRA_LUMINA_BASE_URL: `http://127.0.0.1:${port}/v1` },
    });
    assert.equal(stdout, 'Total return: 8.5%\n');
    assert.deepEqual(service.seen.map((seen) => `${seen.method} ${seen.path}`), [
      'GET /projects',
      'POST /investments',
      'GET /portfolio',
    ]);
  } finally {
    server.close();
  }
});
