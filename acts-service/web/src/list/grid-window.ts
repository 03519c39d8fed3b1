// Which cards of a long grid exist in the page: the rows near the viewport, whatever the length of the list.

export interface Grid {
  readonly count: number;
  readonly columns: number;
  readonly rowHeight: number;
}

export interface GridWindow {
  /** Cards from `first` up to, not including, `end`. */
  readonly first: number;
  readonly end: number;
  readonly paddingTop: number;
}

/** Rows kept beyond each edge, so that quick scrolling and the Tab key find the next card there. */
const spareRows = 3;

/** `top` is how far the grid's upper edge is scrolled above the viewport's. */
export function gridWindow({ count, columns, rowHeight }: Grid, top: number, viewportHeight: number): GridWindow {
  const rows = Math.ceil(count / columns);
  const firstRow = clamp(Math.floor(top / rowHeight) - spareRows, 0, Math.max(0, rows - 1));
  const endRow = clamp(Math.ceil((top + viewportHeight) / rowHeight) + spareRows, firstRow, rows);
  return {
    first: firstRow * columns,
    end: Math.min(count, endRow * columns),
    paddingTop: firstRow * rowHeight,
  };
}

/** As many columns of at least `minWidth` as fit. */
export function columnsIn(width: number, minWidth: number, gap: number): number {
  return Math.max(1, Math.floor((width + gap) / (minWidth + gap)));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
