import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { load, unload } from '../lib.mjs';

after(unload);
const { activePath, childrenOf, choose, isTree, titleOf, versionsOf, withNode } = await load('state/tree.ts');
const { apiMessages, requestBody } = await load('state/request.ts');

let clock = 0;
const node = (id, parent, role, more = {}) => ({ id, parent, role, content: id, created: ++clock, ...more });
const ids = (path) => path.map((each) => each.id);

// q1 - a1, a2;  a1 - q2 - a3;  a1 - q3 (an edit of q2) - a4
const NODES = new Map(
  [
    node('q1', null, 'user'),
    node('a1', 'q1', 'assistant'),
    node('q2', 'a1', 'user'),
    node('a3', 'q2', 'assistant'),
    node('q3', 'a1', 'user'),
    node('a4', 'q3', 'assistant'),
    node('a2', 'q1', 'assistant'),
  ].map((each) => [each.id, each]),
);
const CHILDREN = childrenOf(NODES);

test('without a choice the newest is on the path', () =>
  assert.deepEqual(ids(activePath(CHILDREN, {})), ['q1', 'a2']));

test('a choice leads down its branch, and each branch remembers its own', () => {
  let chosen = choose({}, NODES.get('a1'));
  assert.deepEqual(ids(activePath(CHILDREN, chosen)), ['q1', 'a1', 'q3', 'a4']);
  chosen = choose(chosen, NODES.get('q2'));
  assert.deepEqual(ids(activePath(CHILDREN, chosen)), ['q1', 'a1', 'q2', 'a3']);
  chosen = choose(chosen, NODES.get('a2'));
  assert.deepEqual(ids(activePath(CHILDREN, chosen)), ['q1', 'a2']);
  chosen = choose(chosen, NODES.get('a1'));
  assert.deepEqual(ids(activePath(CHILDREN, chosen)), ['q1', 'a1', 'q2', 'a3']);
});

test('a choice of what is not there counts for nothing', () => {
  assert.deepEqual(ids(activePath(CHILDREN, { q1: 'gone', '': 'gone' })), ['q1', 'a2']);
});

test('versions are counted in the order they were made', () => {
  assert.deepEqual(versionsOf(CHILDREN, NODES.get('a1')), { index: 0, ids: ['a1', 'a2'] });
  assert.deepEqual(versionsOf(CHILDREN, NODES.get('q3')), { index: 1, ids: ['q2', 'q3'] });
  assert.deepEqual(versionsOf(CHILDREN, NODES.get('q1')), { index: 0, ids: ['q1'] });
});

test('nodes are not changed in place', () => {
  const changed = withNode(NODES, { ...NODES.get('q1'), content: 'new' });
  assert.equal(NODES.get('q1').content, 'q1');
  assert.equal(changed.get('q1').content, 'new');
});

test('cycles and unknown parents are no tree', () => {
  assert.equal(isTree(NODES), true);
  assert.equal(
    isTree(
      new Map([
        ['a', node('a', 'b', 'user')],
        ['b', node('b', 'a', 'user')],
      ]),
    ),
    false,
  );
  assert.equal(isTree(new Map([['a', node('a', 'a', 'user')]])), false);
  assert.equal(isTree(new Map([['a', node('a', 'gone', 'user')]])), false);
});

test('titles are one short line', () => {
  assert.equal(titleOf('\n\n  첫 줄 \n둘째'), '첫 줄');
  assert.equal([...titleOf('👋'.repeat(200))].length, 60);
});

test('a request holds the path, the files and the settings', () => {
  const path = [
    node('q', null, 'user', { content: 'what is it?', files: [{ name: 'a.txt', text: 'x\n```\ny' }] }),
    node('empty', 'q', 'assistant', { content: '', state: 'failed' }),
  ];
  assert.deepEqual(apiMessages('  ', path), [
    { role: 'user', content: 'a.txt\n````\nx\n```\ny\n````\n\nwhat is it?' },
  ]);
  const body = requestBody(
    {
      system: 'Be brief.',
      sampling: { temperature: 0, max_tokens: 50, thinking_budget: 10 },
      think: true,
      chosen: {},
    },
    path,
    'm',
  );
  assert.deepEqual(body.messages[0], { role: 'system', content: 'Be brief.' });
  assert.equal(body.temperature, 0);
  assert.equal(body.max_completion_tokens, 50);
  assert.equal(body.max_tokens, undefined);
  assert.equal(body.thinking_budget, 10);
  assert.deepEqual(body.chat_template_kwargs, { enable_thinking: true });
  const quick = requestBody(
    { system: '', sampling: { thinking_budget: 10 }, think: false, chosen: {} },
    path,
    '',
  );
  assert.equal('thinking_budget' in quick || 'model' in quick, false);
});
