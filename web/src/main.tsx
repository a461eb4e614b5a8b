import { render } from 'preact';

render(<main>jaju</main>, document.getElementById('app')!);
