// The frame around the screens: brand, navigation, messages.
import { useRef } from 'preact/hooks';
import { ConnectionBanner, MessageArea } from './messages/message-area.tsx';
import { route } from './navigation/navigation.ts';
import { routeHash, type Route } from './navigation/route.ts';
import { Icon, Mark } from './parts/icon.tsx';
import { Empty } from './parts/states.tsx';
import { Screen } from './parts/screen.tsx';
import { ActScreen } from './screens/act-screen.tsx';
import { CategoriesScreen } from './screens/categories-screen.tsx';
import { CategoryScreen } from './screens/category-screen.tsx';
import { PeopleScreen } from './screens/people-screen.tsx';
import { ShareScreen } from './screens/share-screen.tsx';
import { currentUser } from './session/current-user.ts';

export function App() {
  const main = useRef<HTMLElement>(null);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <header class="bar">
        <a class="brand" href="#/">
          <Mark />
          <span>SelfieLess</span>
        </a>
        <Navigation />
      </header>
      <ConnectionBanner />
      <main ref={main} id="main" tabIndex={-1}>
        <CurrentScreen key={routeHash(route.value)} route={route.value} />
      </main>
      <MessageArea />
    </>
  );
}

function Navigation() {
  const { screen } = route.value;
  const current = (isCurrent: boolean): { 'aria-current'?: 'page' } => (isCurrent ? { 'aria-current': 'page' } : {});
  const category = 'category' in route.value ? route.value.category : undefined;
  const share: Route = category === undefined ? { screen: 'share' } : { screen: 'share', category };
  return (
    <nav class="tabs" aria-label="Main">
      <a href="#/" {...current(screen === 'categories' || screen === 'category' || screen === 'act')}>
        <Icon name="home" />
        <span>Browse</span>
      </a>
      <a class="share" href={routeHash(share)} {...current(screen === 'share')}>
        <Icon name="plus" />
        <span>Share an act</span>
      </a>
      <a href="#/people" {...current(screen === 'people')}>
        <Icon name="person" />
        <span class="ellipsis" dir="auto">
          {currentUser.value?.slice(0, 60) ?? 'You'}
        </span>
      </a>
    </nav>
  );
}

function CurrentScreen({ route: shown }: { route: Route }) {
  switch (shown.screen) {
    case 'categories':
      return <CategoriesScreen />;
    case 'category':
      return <CategoryScreen category={shown.category} />;
    case 'act':
      return <ActScreen category={shown.category} actId={shown.actId} />;
    case 'share':
      return <ShareScreen category={shown.category} />;
    case 'people':
      return <PeopleScreen />;
    case 'unknown':
      return (
        <Screen name="unknown" title="Nothing here">
          <Empty icon="cloud" title="This page does not exist">
            <a class="button primary" href="#/">
              See the categories
            </a>
          </Empty>
        </Screen>
      );
  }
}
