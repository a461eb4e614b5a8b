// Line icons, 20 by 20, in the colour of the text around them.
const PATHS = {
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  plus: 'M10 4v12M4 10h12',
  search: 'M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12ZM13.5 13.5 17 17',
  more: 'M4.5 10h.01M10 10h.01M15.5 10h.01',
  settings: 'M3 6h8M15 6h2M3 14h2M9 14h8M13 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM7 16a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  help: 'M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM7.8 7.8a2.2 2.2 0 1 1 3.3 1.9c-.7.4-1.1.8-1.1 1.6M10 13.8h.01',
  close: 'M5 5l10 10M15 5 5 15',
  send: 'M10 16V4M4.5 9.5 10 4l5.5 5.5',
  attach:
    'm16 9.5-5.9 5.9a3.6 3.6 0 0 1-5.1-5.1l6.2-6.2a2.4 2.4 0 0 1 3.4 3.4l-6.2 6.2a1.2 1.2 0 0 1-1.7-1.7l5.6-5.6',
  copy: 'M7.5 7.5v-3a1 1 0 0 1 1-1h7a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-3M4.5 7.500h7a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1Z',
  check: 'm4 10.5 4 4 8-9',
  edit: 'm4 16 .8-3.4L13.3 4.100a1.4 1.4 0 0 1 2 0l.6.6a1.4 1.4 0 0 1 0 2L7.4 15.2 4 16Z',
  again: 'M15.5 7A6.3 6.3 0 0 0 4 8M4 3.5V8h4.500M4.5 13A6.3 6.3 0 0 0 16 12M16 16.500V12h-4.5',
  left: 'M12 5l-5 5 5 5',
  right: 'm8 5 5 5-5 5',
  down: 'M10 4v12M4.5 10.5 10 16l5.5-5.5',
  chevron: 'm6 8 4 4 4-4',
  bulb: 'M7.5 14.5c0-1.5-2.5-2.7-2.5-6a5 5 0 0 1 10 0c0 3.3-2.5 4.5-2.5 6ZM8 17.5h4',
  tool: 'M12.5 3.5a4 4 0 0 0-4.6 5.300L3.5 13.200a1.6 1.6 0 0 0 0 2.300l1 1a1.6 1.6 0 0 0 2.3 0l4.4-4.400a4 4 0 0 0 5.3-4.600L14 10l-2.5-.5L11 7l2.5-2.500Z',
  warning: 'M10 7.500v4M10 14.200h.01M10 3 2.5 16.500h15Z',
  key: 'M7 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10.5 10H17.5M14.5 10v3',
  file: 'M5 3.5h6l4 4v9H5ZM11 3.5v4h4',
} as const;

export type IconName = keyof typeof PATHS | 'stop';

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class={`icon ${name === 'more' ? 'dots-icon' : ''}`}
      viewBox="0 0 20 20"
      aria-hidden="true"
      focusable="false"
    >
      {name === 'stop' ? (
        <rect class="filled" x="5" y="5" width="10" height="10" rx="2" />
      ) : (
        <path d={PATHS[name]} />
      )}
    </svg>
  );
}
