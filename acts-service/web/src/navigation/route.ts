// Addresses of the screens: `#/...`, so that the server needs to know one page only. Names are percent-encoded.

export type Route =
  | { readonly screen: 'categories' }
  | { readonly screen: 'category'; readonly category: string }
  | { readonly screen: 'act'; readonly category: string; readonly actId: string }
  | { readonly screen: 'share'; readonly category?: string }
  | { readonly screen: 'people' }
  | { readonly screen: 'unknown' };

export function routeHash(route: Route): string {
  switch (route.screen) {
    case 'category':
      return `#/categories/${encodeName(route.category)}`;
    case 'act':
      return `#/categories/${encodeName(route.category)}/${route.actId}`;
    case 'share':
      return route.category === undefined ? '#/share' : `#/share/${encodeName(route.category)}`;
    case 'people':
      return '#/people';
    case 'categories':
    case 'unknown':
      return '#/';
  }
}

export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#\/?/, '').split('/');
  try {
    const [screen = '', name = '', actId = '', ...rest] = parts.map(decodeURIComponent);
    if (rest.length > 0) return { screen: 'unknown' };
    if (screen === '' && parts.length === 1) return { screen: 'categories' };
    if (screen === 'people' && parts.length === 1) return { screen: 'people' };
    if (screen === 'share' && parts.length <= 2) return name === '' ? { screen: 'share' } : { screen: 'share', category: name };
    if (screen === 'categories' && name !== '') {
      if (parts.length === 2) return { screen: 'category', category: name };
      if (/^[0-9]{1,1000}$/.test(actId)) return { screen: 'act', category: name, actId };
    }
  } catch {
    // A broken percent-encoding leads nowhere.
  }
  return { screen: 'unknown' };
}

/** The names `.` and `..` are no problem here, since fragments are not normalised. */
function encodeName(name: string): string {
  return encodeURIComponent(name);
}
