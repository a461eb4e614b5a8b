// The page's words in the reader's language: `strings.value.send`.
import { computed, effect } from '@preact/signals';
import { settings } from '../state/settings';
import { en, type Strings } from './en';
import { ko } from './ko';

export const LANGUAGES = { en, ko };

const preferred = (): keyof typeof LANGUAGES => {
  for (const wanted of typeof navigator === 'undefined' ? [] : navigator.languages) {
    const language = wanted.slice(0, 2).toLowerCase();
    if (language === 'ko' || language === 'en') return language;
  }
  return 'en';
};

export const strings = computed<Strings>(() => {
  const { language } = settings.value;
  return LANGUAGES[language === 'browser' ? preferred() : language];
});

export function watchLanguage(): void {
  effect(() => {
    document.documentElement.lang = strings.value.locale;
  });
}
