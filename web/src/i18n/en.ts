// English, and the shape every language has.
import type { ChatFailure } from '../api/errors';
import type { FileRefusal } from '../files/attach';
import type { SamplingField } from '../state/sampling';

const many = (n: number, one: string, more: string) => `${n.toLocaleString('en')} ${n === 1 ? one : more}`;

function sentence({ kind, detail, status, retryAfterSeconds }: ChatFailure): string {
  const said = detail ? ` The server says: ${detail}` : '';
  switch (kind) {
    case 'network':
      return 'The server does not answer. Check that jaju serve is running and that this device can reach it.';
    case 'unauthorized':
      return `The server wants an API key, or does not accept the one it got.${said}`;
    case 'rejected':
      return `The server rejected the request (${status}).${said}`;
    case 'too_large':
      return `The conversation is too long for the model. Edit an earlier message, or start a new chat.${said}`;
    case 'busy':
      return `The server is busy${retryAfterSeconds ? `; try again in ${many(retryAfterSeconds, 'second', 'seconds')}` : ''}.${said}`;
    case 'server':
      return `The server failed${status ? ` (${status})` : ''}.${said}`;
    case 'cut':
      return 'The answer was cut off before its end. What came is kept.';
    case 'not_understood':
      return `What answered is not jaju's API.${said}`;
  }
}

export const en = {
  locale: 'en',
  name: 'English',
  untitled: 'New chat',
  newChat: 'New chat',
  conversations: 'Conversations',
  search: 'Search',
  searchLabel: 'Search conversations',
  noConversations: 'Conversations appear here. They stay in this browser.',
  noMatches: 'Nothing found.',
  today: 'Today',
  yesterday: 'Yesterday',
  week: 'Past 7 days',
  older: 'Older',
  rename: 'Rename',
  renameLabel: 'Title of the conversation',
  remove: 'Delete',
  deleted: (title: string) => `Deleted “${title}”.`,
  undo: 'Undo',
  more: 'More',
  exportJson: 'Export as JSON',
  exportMarkdown: 'Export as Markdown',
  exportAll: 'Export all',
  importFile: 'Import',
  imported: (n: number) => `Imported ${many(n, 'conversation', 'conversations')}.`,
  showSidebar: 'Show conversations',
  hideSidebar: 'Hide conversations',
  settings: 'Settings',
  help: 'Keyboard shortcuts',
  close: 'Close',
  cancel: 'Cancel',
  save: 'Save',
  retry: 'Try again',
  dismiss: 'Dismiss',

  inputLabel: 'Message',
  placeholder: 'Ask anything',
  send: 'Send',
  stop: 'Stop',
  attach: 'Attach text files',
  dropHere: 'Drop text files to add them to your message',
  removeFile: (name: string) => `Remove ${name}`,
  think: 'Think',
  thinkOn: 'The model thinks before it answers. Switch off for quick answers.',
  thinkOff: 'The model answers at once. Switch on for hard questions.',
  local: 'Answers can be wrong. Conversations stay in this browser.',

  emptyTitle: 'What would you like to know?',
  emptyHints: [
    'Enter sends, Shift+Enter starts a new line',
    'Drop a text file anywhere to ask about it',
    'Edit a question to try another path; the old one stays',
    'Press ? for every shortcut',
  ],
  examples: [
    ['Explain', 'Why does a mixture-of-experts model need less computing than a dense one of the same size?'],
    ['Solve', 'Solve x² − 5x + 6 = 0 and show each step.'],
    ['Code', 'Write a Python function that counts Hangul syllables in a string.'],
    ['Translate', 'Translate into Korean: The meeting moved to Thursday at three.'],
  ],

  messages: 'Messages',
  you: 'You',
  assistant: 'Answer',
  copy: 'Copy',
  copied: 'Copied',
  copyFailed: 'The browser did not allow copying.',
  edit: 'Edit',
  editLabel: 'Edit the question',
  editNote: 'Sends as a new version; the old one stays.',
  regenerate: 'Answer again',
  version: (index: number, count: number) => `${index} / ${count}`,
  versionLabel: (index: number, count: number) => `Version ${index} of ${count}`,
  previousVersion: 'Previous version',
  nextVersion: 'Next version',
  showAll: 'Show all',
  showLess: 'Show less',
  earlier: 'Earlier messages',
  jumpToEnd: 'Jump to the newest',

  thinking: 'Thinking',
  thought: (time: string) => `Thought for ${time}`,
  thoughtBriefly: 'Thought briefly',
  waiting: 'Waiting for the first word',
  reading: (percent: number) => `Reading the prompt, ${percent} %`,
  toolCall: (name: string) => `Wants to call ${name || 'a tool'}`,
  toolNote: 'This page runs no tools.',
  limit: 'Stopped at the token limit. Raise “Longest answer” in the settings to let it go on.',
  noAnswer: 'The model ended without an answer.',
  stoppedNote: 'Stopped.',
  answering: 'The answer is coming.',
  answered: 'The answer is complete.',
  stopped: 'Stopped.',

  seconds: (n: number) =>
    n < 59.5
      ? `${n < 10 ? n.toFixed(n < 0.1 ? 2 : 1) : Math.round(n)} s`
      : `${Math.floor(Math.round(n) / 60)} min ${Math.round(n) % 60} s`,
  rate: (n: number) => `${n < 100 ? n.toFixed(1) : Math.round(n)} tok/s`,
  tokens: (n: number) => many(n, 'token', 'tokens'),
  firstToken: (time: string) => `first word after ${time}`,
  prompt: (n: number) => `prompt ${n.toLocaleString('en')}`,
  cached: (n: number) => `${n.toLocaleString('en')} cached`,
  reasoningTokens: (n: number) => `${n.toLocaleString('en')} of them thinking`,
  promptRate: (rate: string) => `prompt read at ${rate}`,
  queued: (time: string) => `waited ${time} in the queue`,
  cacheNote: (note: string) => `cache: ${note}`,
  statsLabel: 'Figures of this answer',

  server: 'Server',
  connected: 'Connected',
  connecting: 'Connecting',
  model: 'Model',
  context: (n: number) => `Reads up to ${n.toLocaleString('en')} tokens`,
  apiKey: 'API key',
  wantsKey: 'This server wants an API key.',
  apiKeyNote: 'Sent only to this server.',
  apiKeyLetters: 'A key has Latin letters, digits and signs only.',
  rememberKey: 'Keep the key in this browser',
  useKey: 'Connect',
  thisChat: 'This chat',
  system: 'System prompt',
  systemPlaceholder: 'How the model should behave, for example: Answer in formal Korean.',
  sampling: 'Sampling',
  samplingNote: 'Empty fields are left to the server.',
  serverDefault: 'default',
  fieldNames: {
    temperature: 'Temperature',
    top_p: 'Top p',
    top_k: 'Top k',
    min_p: 'Min p',
    max_tokens: 'Longest answer',
    thinking_budget: 'Thinking budget',
    seed: 'Seed',
    presence_penalty: 'Presence penalty',
    frequency_penalty: 'Frequency penalty',
    repetition_penalty: 'Repetition penalty',
  } satisfies Record<SamplingField, string>,
  fieldHints: {
    temperature: '0 always takes the likeliest word',
    top_p: 'keep the likeliest words up to this share',
    top_k: 'keep this many words; 0 keeps all',
    min_p: 'drop words rarer than this share of the best',
    max_tokens: 'tokens, thinking included',
    thinking_budget: 'tokens before thinking is closed',
    seed: 'the same seed repeats an answer',
    presence_penalty: 'above 0: less repetition of topics',
    frequency_penalty: 'above 0: less repetition of words',
    repetition_penalty: '1 is neutral',
  } satisfies Record<SamplingField, string>,
  badNumber: (min: number, max: number, integer: boolean) =>
    `${integer ? 'A whole number' : 'A number'} from ${min} to ${max}.`,
  asDefault: 'Use for new chats',
  asDefaultDone: 'New chats start with these settings.',
  reset: 'Reset',
  page: 'This page',
  theme: 'Colours',
  themes: { system: 'System', light: 'Light', dark: 'Dark' },
  language: 'Language',
  languageBrowser: 'Browser',
  singleKeys: 'Shortcuts of one letter',
  data: 'Your data',
  dataNote: 'Conversations are kept in this browser only.',
  dataLost:
    'This browser window keeps nothing: conversations are gone when it closes. Export what you want to keep.',
  licenses: 'Licences of the libraries of this page',
  deleteAll: 'Delete all conversations',
  deleteAllSure: 'Delete every conversation in this browser?',
  deletedAll: 'All conversations are deleted.',

  keys: {
    send: 'Send',
    newline: 'New line',
    stop: 'Stop the answer, close what is open',
    newChat: 'New chat',
    search: 'Search conversations',
    focus: 'Write a message',
    sidebar: 'Show or hide conversations',
    settings: 'Settings',
    think: 'Thinking on or off',
    regenerate: 'Answer again',
    edit: 'Edit the last question',
    copy: 'Copy the last answer',
    previous: 'Previous version of the last answer',
    next: 'Next version of the last answer',
    help: 'This list',
  },

  errors: {
    sentence,
    notSaved: 'The browser did not save the conversation; its storage may be full. Export it to keep it.',
    file: (name: string, refusal: FileRefusal) =>
      ({
        too_large: `${name} is larger than 512 KiB. Cut out the part you want to ask about.`,
        total_too_large: `${name} was not added: all files together may have 2 MiB.`,
        binary: `${name} is not a text file. Only text can be added.`,
        empty: `${name} is empty.`,
        unreadable: `${name} could not be read.`,
      })[refusal],
    importFailed: (name: string) => `${name} is not an export of this page.`,
  },
};

export type Strings = typeof en;
