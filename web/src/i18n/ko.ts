// 한국어.
import type { ChatFailure } from '../api/errors';
import type { Strings } from './en';

const number = (n: number) => n.toLocaleString('ko');

function sentence({ kind, detail, status, retryAfterSeconds }: ChatFailure): string {
  const said = detail ? ` 서버의 설명: ${detail}` : '';
  switch (kind) {
    case 'network':
      return '서버가 응답하지 않습니다. jaju serve가 켜져 있는지, 이 기기에서 접속할 수 있는지 확인해 주세요.';
    case 'unauthorized':
      return `API 키가 필요하거나, 보낸 키를 서버가 받아들이지 않았습니다.${said}`;
    case 'rejected':
      return `서버가 요청을 거절했습니다(${status}).${said}`;
    case 'too_large':
      return `대화가 모델이 읽을 수 있는 길이를 넘었습니다. 앞의 질문을 줄이거나 새 대화를 시작해 주세요.${said}`;
    case 'busy':
      return `서버가 바쁩니다.${retryAfterSeconds ? ` ${retryAfterSeconds}초 뒤에 다시 시도해 주세요.` : ''}${said}`;
    case 'server':
      return `서버에서 오류가 났습니다${status ? `(${status})` : ''}.${said}`;
    case 'cut':
      return '답변이 끝나기 전에 끊겼습니다. 받은 부분은 남아 있습니다.';
    case 'not_understood':
      return `응답한 곳이 jaju의 API가 아닙니다.${said}`;
  }
}

export const ko: Strings = {
  locale: 'ko',
  name: '한국어',
  untitled: '새 대화',
  newChat: '새 대화',
  conversations: '대화 목록',
  search: '검색',
  searchLabel: '대화 검색',
  noConversations: '나눈 대화가 여기에 모입니다. 이 브라우저에만 저장됩니다.',
  noMatches: '찾는 대화가 없습니다.',
  today: '오늘',
  yesterday: '어제',
  week: '지난 7일',
  older: '이전',
  rename: '이름 바꾸기',
  renameLabel: '대화 제목',
  remove: '삭제',
  deleted: (title) => `‘${title}’ 대화를 삭제했습니다.`,
  undo: '되돌리기',
  more: '더 보기',
  exportJson: 'JSON으로 내보내기',
  exportMarkdown: 'Markdown으로 내보내기',
  exportAll: '모두 내보내기',
  importFile: '가져오기',
  imported: (n) => `대화 ${number(n)}개를 가져왔습니다.`,
  showSidebar: '대화 목록 보이기',
  hideSidebar: '대화 목록 숨기기',
  settings: '설정',
  help: '단축키',
  close: '닫기',
  cancel: '취소',
  save: '저장',
  retry: '다시 시도',
  dismiss: '닫기',

  inputLabel: '메시지',
  placeholder: '무엇이든 물어보세요',
  send: '보내기',
  stop: '멈추기',
  attach: '텍스트 파일 첨부',
  dropHere: '텍스트 파일을 놓으면 메시지에 첨부됩니다',
  removeFile: (name) => `${name} 빼기`,
  think: '생각하기',
  thinkOn: '답하기 전에 생각합니다. 빠른 답이 필요하면 끄세요.',
  thinkOff: '바로 답합니다. 어려운 질문이면 켜세요.',
  local: '답변은 틀릴 수 있습니다. 대화는 이 브라우저에만 남습니다.',

  emptyTitle: '무엇이 궁금하신가요?',
  emptyHints: [
    'Enter로 보내고, Shift+Enter로 줄을 바꿉니다',
    '텍스트 파일을 끌어다 놓고 물어볼 수 있습니다',
    '질문을 고치면 새 갈래가 생기고, 이전 것도 남습니다',
    '?를 누르면 모든 단축키가 보입니다',
  ],
  examples: [
    ['설명', '전문가 혼합(MoE) 모델은 왜 같은 크기의 밀집 모델보다 계산이 적나요?'],
    ['풀이', 'x² − 5x + 6 = 0을 단계별로 풀어 주세요.'],
    ['코드', '문자열에서 한글 음절을 세는 파이썬 함수를 써 주세요.'],
    ['번역', '영어로 옮겨 주세요: 회의가 목요일 세 시로 바뀌었습니다.'],
  ],

  messages: '메시지 목록',
  you: '나',
  assistant: '답변',
  copy: '복사',
  copied: '복사됨',
  copyFailed: '브라우저가 복사를 허용하지 않았습니다.',
  edit: '고치기',
  editLabel: '질문 고치기',
  editNote: '새 버전으로 보내고, 이전 질문은 남습니다.',
  regenerate: '다시 답하기',
  version: (index, count) => `${index} / ${count}`,
  versionLabel: (index, count) => `${count}개 가운데 ${index}번째 버전`,
  previousVersion: '이전 버전',
  nextVersion: '다음 버전',
  showAll: '모두 보기',
  showLess: '접기',
  earlier: '이전 메시지',
  jumpToEnd: '맨 아래로',

  thinking: '생각하는 중',
  thought: (time) => `${time} 동안 생각함`,
  thoughtBriefly: '잠깐 생각함',
  waiting: '첫 단어를 기다리는 중',
  reading: (percent) => `질문을 읽는 중, ${percent}%`,
  toolCall: (name) => `${name || '도구'} 호출을 요청함`,
  toolNote: '이 화면은 도구를 실행하지 않습니다.',
  limit: '토큰 한도에서 멈췄습니다. 설정에서 ‘답변 최대 길이’를 늘리면 더 길게 답합니다.',
  noAnswer: '모델이 답하지 않고 끝냈습니다.',
  stoppedNote: '멈췄습니다.',
  answering: '답변이 오고 있습니다.',
  answered: '답변이 끝났습니다.',
  stopped: '멈췄습니다.',

  seconds: (n) =>
    n < 59.5
      ? `${n < 10 ? n.toFixed(n < 0.1 ? 2 : 1) : Math.round(n)}초`
      : `${Math.floor(Math.round(n) / 60)}분 ${Math.round(n) % 60}초`,
  rate: (n) => `${n < 100 ? n.toFixed(1) : Math.round(n)} 토큰/초`,
  tokens: (n) => `${number(n)} 토큰`,
  firstToken: (time) => `첫 단어까지 ${time}`,
  prompt: (n) => `입력 ${number(n)}`,
  cached: (n) => `캐시 ${number(n)}`,
  reasoningTokens: (n) => `생각 ${number(n)} 포함`,
  promptRate: (rate) => `입력 읽기 ${rate}`,
  queued: (time) => `대기열에서 ${time} 기다림`,
  cacheNote: (note) => `캐시: ${note}`,
  statsLabel: '이 답변의 수치',

  server: '서버',
  connected: '연결됨',
  connecting: '연결하는 중',
  model: '모델',
  context: (n) => `최대 ${number(n)} 토큰까지 읽습니다`,
  apiKey: 'API 키',
  wantsKey: '이 서버를 쓰려면 API 키가 필요합니다.',
  apiKeyNote: '이 서버로만 보냅니다.',
  apiKeyLetters: '키에는 영문자, 숫자, 기호만 들어갑니다. 한글 입력 상태인지 확인해 주세요.',
  rememberKey: '이 브라우저에 키 저장',
  useKey: '연결',
  thisChat: '이 대화',
  system: '시스템 프롬프트',
  systemPlaceholder: '모델이 따를 지침. 예: 높임말로 짧게 답해 주세요.',
  sampling: '샘플링',
  samplingNote: '비워 두면 서버의 기본값을 씁니다.',
  serverDefault: '기본값',
  fieldNames: {
    temperature: '온도',
    top_p: 'Top p',
    top_k: 'Top k',
    min_p: 'Min p',
    max_tokens: '답변 최대 길이',
    thinking_budget: '생각 한도',
    seed: '시드',
    presence_penalty: '존재 페널티',
    frequency_penalty: '빈도 페널티',
    repetition_penalty: '반복 페널티',
  },
  fieldHints: {
    temperature: '0이면 늘 가장 그럴듯한 단어',
    top_p: '확률이 높은 단어부터 이 비율까지',
    top_k: '단어를 이만큼만 남김, 0이면 모두',
    min_p: '최고 확률의 이 비율보다 드문 단어 제외',
    max_tokens: '토큰 수, 생각 포함',
    thinking_budget: '이 토큰 수에서 생각을 마침',
    seed: '시드가 같으면 같은 답',
    presence_penalty: '0보다 크면 같은 주제를 덜 반복',
    frequency_penalty: '0보다 크면 같은 단어를 덜 반복',
    repetition_penalty: '1은 영향 없음',
  },
  badNumber: (min, max, integer) => `${min}부터 ${max}까지의 ${integer ? '정수' : '수'}를 넣어 주세요.`,
  asDefault: '새 대화에도 쓰기',
  asDefaultDone: '새 대화를 이 설정으로 시작합니다.',
  reset: '초기화',
  page: '화면',
  theme: '테마',
  themes: { system: '시스템', light: '밝게', dark: '어둡게' },
  language: '언어',
  languageBrowser: '브라우저',
  singleKeys: '한 글자 단축키',
  data: '내 데이터',
  dataNote: '대화는 이 브라우저에만 저장됩니다.',
  dataLost: '이 창은 아무것도 저장하지 않아, 닫으면 대화가 사라집니다. 필요한 대화는 내보내 주세요.',
  licenses: '이 화면에 쓰인 라이브러리의 라이선스',
  deleteAll: '모든 대화 삭제',
  deleteAllSure: '이 브라우저의 대화를 모두 삭제할까요?',
  deletedAll: '모든 대화를 삭제했습니다.',

  keys: {
    send: '보내기',
    newline: '줄 바꾸기',
    stop: '답변 멈추기, 열린 것 닫기',
    newChat: '새 대화',
    search: '대화 검색',
    focus: '메시지 쓰기',
    sidebar: '대화 목록 보이기/숨기기',
    settings: '설정',
    think: '생각하기 켜기/끄기',
    regenerate: '다시 답하기',
    edit: '마지막 질문 고치기',
    copy: '마지막 답변 복사',
    previous: '마지막 답변의 이전 버전',
    next: '마지막 답변의 다음 버전',
    help: '이 목록',
  },

  errors: {
    sentence,
    notSaved: '브라우저가 대화를 저장하지 못했습니다. 저장 공간이 가득 찼을 수 있으니 내보내 두세요.',
    file: (name, refusal) =>
      ({
        too_large: `${name} 파일이 512 KiB보다 큽니다. 물어볼 부분만 잘라서 올려 주세요.`,
        total_too_large: `${name} 파일을 첨부하지 못했습니다. 모두 합해 2 MiB까지 됩니다.`,
        binary: `${name} 파일은 텍스트가 아닙니다. 텍스트만 첨부할 수 있습니다.`,
        empty: `${name} 파일이 비어 있습니다.`,
        unreadable: `${name} 파일을 읽지 못했습니다.`,
      })[refusal],
    importFailed: (name) => `${name} 파일은 이 화면에서 내보낸 것이 아닙니다.`,
  },
};
