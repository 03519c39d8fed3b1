// A category's acts as a grid of which only the rows near the viewport exist, however long it is. Reads on as the reader nears the end, and
// keeps what the reader looks at where it is when acts arrive or go above it.
import { useSignalEffect } from '@preact/signals';
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ActCard } from '../acts/act-card.tsx';
import type { CategoryFeed } from './category-feed.ts';
import { columnsIn, gridWindow, type GridWindow } from './grid-window.ts';

const narrowestCard = 264;
const gap = 16;
/** How many cards before the end the next ones are asked for. */
const readAhead = 12;

/** As last measured, so that a list the reader comes back to has its height at once. */
let rowHeight = 380;

interface Layout extends GridWindow {
  readonly columns: number;
}

export function ActGrid({ feed }: { feed: CategoryFeed }) {
  const grid = useRef<HTMLUListElement>(null);
  const acts = feed.acts.value;
  const [layout, setLayout] = useState<Layout>({ columns: 1, first: 0, end: 8, paddingTop: 0 });
  const topAct = useRef<string | undefined>(undefined);
  const lastTop = useRef(0);
  const isRushing = useRef(false);

  const arrange = useCallback(() => {
    const element = grid.current;
    if (element === null) return;
    const columns = columnsIn(element.clientWidth, narrowestCard, gap);
    const card = element.querySelector('.card');
    if (card !== null) rowHeight = card.getBoundingClientRect().height + gap;
    const top = -element.getBoundingClientRect().top;
    isRushing.current = Math.abs(top - lastTop.current) > innerHeight / 2;
    lastTop.current = top;
    const shown = feed.acts.peek();
    const next = { columns, ...gridWindow({ count: shown.length, columns, rowHeight }, top, innerHeight) };
    topAct.current = top <= 0 ? undefined : shown[Math.floor(top / rowHeight) * columns]?.actId;
    setLayout((previous) => (sameLayout(previous, next) ? previous : next));
    if (next.end >= shown.length - readAhead && !feed.isAtEnd.peek() && feed.state.peek() === 'ready') void feed.more();
  }, [feed]);

  useLayoutEffect(() => {
    let frame = 0;
    const soon = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(arrange);
    };
    const resized = new ResizeObserver(soon);
    if (grid.current !== null) resized.observe(grid.current);
    addEventListener('scroll', soon, { passive: true });
    addEventListener('resize', soon);
    return () => {
      cancelAnimationFrame(frame);
      resized.disconnect();
      removeEventListener('scroll', soon);
      removeEventListener('resize', soon);
    };
  }, [arrange]);

  // The act at the upper edge of the view stays there. Not after a change of the layout: it may move the page, which asks for another one,
  // and so on without end; a scroll event comes back to it in a later frame.
  const before = useRef(acts);
  const columnsNow = useRef(layout.columns);
  columnsNow.current = layout.columns;
  const reveals = useRef(feed.reveals.value);
  useLayoutEffect(() => {
    const anchor = topAct.current;
    if (reveals.current !== feed.reveals.value) {
      reveals.current = feed.reveals.value;
      scrollTo(0, 0);
    } else if (before.current !== acts && anchor !== undefined) {
      const [was, is] = [before.current, acts].map((list) =>
        Math.floor(list.findIndex(({ actId }) => actId === anchor) / columnsNow.current),
      );
      if (was !== undefined && is !== undefined && was >= 0 && is >= 0 && was !== is) scrollBy(0, (is - was) * rowHeight);
    }
    before.current = acts;
    arrange();
  }, [acts, arrange]);
  useSignalEffect(() => {
    if (feed.state.value === 'ready' && !feed.isAtEnd.value) arrange();
  });

  return (
    <ul
      ref={grid}
      class="grid"
      style={{
        '--columns': String(layout.columns),
        paddingTop: `${layout.paddingTop}px`,
        // The page never gets shorter for a card that is not drawn yet: that would scroll it.
        minHeight: `${Math.ceil(acts.length / layout.columns) * rowHeight - gap}px`,
      }}
    >
      {acts.slice(layout.first, layout.end).map((act, index) => (
        <ActCard
          key={act.actId}
          act={act}
          feed={feed}
          position={layout.first + index + 1}
          total={Math.max(feed.total.value, acts.length)}
          isPassing={isRushing.current}
        />
      ))}
    </ul>
  );
}

function sameLayout(one: Layout, other: Layout): boolean {
  return (Object.keys(one) as (keyof Layout)[]).every((key) => one[key] === other[key]);
}
