// Line icons, drawn here: no icon font, no extra request.

const paths = {
  home: 'M4 11.5 12 5l8 6.5M6 10v9h12v-9',
  plus: 'M12 5v14M5 12h14',
  person: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM5 20c.7-3.6 3.4-5.5 7-5.5s6.3 1.9 7 5.5',
  back: 'M15 5l-7 7 7 7',
  heart: 'M12 20s-7.5-4.6-7.5-10.2A4.1 4.1 0 0 1 12 7.4a4.1 4.1 0 0 1 7.5 2.4C19.5 15.4 12 20 12 20Z',
  trash: 'M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.5 10.5v6M13.5 10.5v6',
  camera: 'M4 8h3.5L9 5.5h6L16.5 8H20v11H4V8ZM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z',
  picture: 'M4 5h16v14H4V5ZM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 10a1.2 1.2 0 1 0 0-2.4 1.2 1.2 0 0 0 0 2.4Z',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  close: 'M6 6l12 12M18 6L6 18',
  up: 'M12 19V5M6 11l6-6 6 6',
  cloud: 'M4 4l16 16M8 8.2A4.5 4.5 0 0 0 7 17h9.5M10 6.3A5.5 5.5 0 0 1 17.3 11 3.5 3.5 0 0 1 19.5 16',
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

/** The sun and the hand of the app's icon. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">
      <circle cx="16" cy="13.5" r="5" />
      <path d="M16 3.5v2.5M8.7 6.5l1.8 1.8M23.3 6.5l-1.8 1.8M5.5 13.5H8M24 13.5h2.5M5.5 19.5c2.7 4.3 6.5 6.5 10.5 6.5s7.8-2.2 10.5-6.5" />
    </svg>
  );
}
