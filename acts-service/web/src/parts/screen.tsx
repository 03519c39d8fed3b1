// What every screen has: a heading that takes the focus, a title, a place to scroll to.
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { goBack, scrollToRestore } from '../navigation/navigation.ts';
import { routeHash, type Route } from '../navigation/route.ts';
import { Icon } from './icon.tsx';

let isFirstScreen = true;

interface ScreenProps {
  readonly title: string;
  /** Shown as the heading instead of the title. */
  readonly heading?: ComponentChildren;
  readonly back?: { readonly to: Route; readonly label: string };
  readonly tools?: ComponentChildren;
  readonly name: string;
  readonly children: ComponentChildren;
}

export function Screen({ title, heading, back, tools, name, children }: ScreenProps) {
  const headline = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title.slice(0, 80)} · SelfieLessActs`;
  }, [title]);
  useLayoutEffect(() => {
    const scrollY = scrollToRestore ?? 0;
    // The browser starts on the page itself the first time; after that the reader is told where they are.
    if (!isFirstScreen) headline.current?.focus({ preventScroll: true });
    isFirstScreen = false;
    scrollTo(0, scrollY);
    // Once more when lists have taken their height.
    const frame = requestAnimationFrame(() => scrollTo(0, scrollY));
    return () => cancelAnimationFrame(frame);
  }, []);
  return (
    <div class={`screen screen-${name}`}>
      {back && (
        <a
          class="back"
          href={routeHash(back.to)}
          onClick={(event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            goBack(back.to);
          }}
        >
          <Icon name="back" />
          <span dir="auto">{back.label}</span>
        </a>
      )}
      <div class="headline">
        <h1 ref={headline} tabIndex={-1} dir="auto">
          {heading ?? title}
        </h1>
        {tools}
      </div>
      {children}
    </div>
  );
}

/** For when what had the focus is gone: the keyboard would start at the top of the page again. */
export function focusHeading(): void {
  document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true });
}

/** Tells whoever measures or tests that the reader can now use the app. */
export function useUsableWhen(isUsable: boolean): void {
  useEffect(() => {
    if (!isUsable || document.documentElement.dataset.ready === 'true') return;
    document.documentElement.dataset.ready = 'true';
    performance.mark('usable');
  }, [isUsable]);
}
