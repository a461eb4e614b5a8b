#include "data/synth/math_phrases.h"

namespace jaju::data {
namespace {

using Text = std::string_view;

constexpr Text kFractionKo[] = {"{e|을} 기약분수로 나타내세요.", "{e|을} 계산해서 기약분수로 답해 줘.",
                                "분수 계산이야. {e|은}?", "{e|을} 약분까지 해서 구하세요.",
                                "분수 {e}의 답은?"};
constexpr Text kFractionEn[] = {"Write {e} as a fraction in lowest terms.", "What is {e} in simplest form?",
                                "Work with fractions: {e}", "Calculate {e} and simplify.",
                                "Give {e} as a simplified fraction."};
constexpr Text kFractionZh[] = {"把{e}化成最简分数。", "{e}的最简分数是多少？", "分数计算：{e}"};
constexpr Text kFractionJa[] = {"{e}を既約分数で答えなさい。", "分数の計算です。{e}は？",
                                "{e}を計算して約分してください。"};
constexpr Text kFractionEs[] = {"Calcula {e} y simplifica.", "Da {e} como fracción irreducible.",
                                "Opera las fracciones: {e}"};

constexpr Text kSimplifyKo[] = {"{f|을} 약분하면?",
                                "{f|을} 약분해 줘.",
                                "{f|을} 약분하세요.",
                                "{f|을} 기약분수로 나타내면?",
                                "{f|을} 기약분수로 나타내세요.",
                                "{f|을} 기약분수로 바꿔 줘.",
                                "{f|을} 가장 간단한 분수로 나타내면?",
                                "{f|을} 간단히 하세요.",
                                "{f}의 기약분수는?",
                                "{f}의 기약분수는 뭐야?",
                                "분수 {f|을} 약분하면 얼마야?",
                                "{f|을} 더 간단하게 쓰면?",
                                "{f|을} 줄여서 써 줘.",
                                "{f|와} 크기가 같은 기약분수는?",
                                "{f|와} 크기가 같은 가장 간단한 분수를 구하세요.",
                                "{f|을} 약분한 결과를 알려 주세요.",
                                "약분: {f}",
                                "기약분수로 만들어 줘: {f}",
                                "{f|은} 약분하면 얼마가 되나요?",
                                "{f|을} 최대한 약분해 봐.",
                                "{f|을} 기약분수로 고치세요.",
                                "분수 {f|을} 간단히 나타내 줄래?",
                                "{f|을} 약분하면 어떤 분수가 돼?",
                                "{f|을} 더 이상 약분되지 않게 나타내세요.",
                                "{f}, 약분하면 뭐야?"};
constexpr Text kSimplifyEn[] = {"Simplify {f}.",
                                "Simplify the fraction {f}.",
                                "Reduce {f} to lowest terms.",
                                "Reduce {f}.",
                                "What is {f} in lowest terms?",
                                "What is {f} in simplest form?",
                                "What's {f} simplified?",
                                "Write {f} in lowest terms.",
                                "Write {f} in simplest form.",
                                "Can you simplify {f}?",
                                "Please simplify {f}.",
                                "Please reduce the fraction {f}.",
                                "How can {f} be simplified?",
                                "Give the simplest form of {f}.",
                                "Express {f} in lowest terms.",
                                "simplify {f}",
                                "Which fraction in lowest terms equals {f}?",
                                "Cancel down {f}.",
                                "What does {f} reduce to?",
                                "Find the simplest fraction equal to {f}.",
                                "Make {f} as simple as possible.",
                                "Could you reduce {f} for me?",
                                "{f} in lowest terms?",
                                "Simplify: {f}",
                                "Bring {f} to its simplest form."};
constexpr Text kSimplifyZh[] = {"化简{f}。",
                                "把{f}约分。",
                                "把{f}化成最简分数。",
                                "{f}约分后是多少？",
                                "{f}的最简分数是什么？",
                                "请化简分数{f}。",
                                "{f}最简是多少？",
                                "约分：{f}"};
constexpr Text kSimplifyJa[] = {"{f}を約分すると？",         "{f}を約分してください。",
                                "{f}を約分しなさい。",       "{f}を既約分数にしてください。",
                                "{f}を既約分数で表すと？",   "{f}を一番簡単な分数にすると？",
                                "{f}を簡単にしてください。", "約分：{f}"};
constexpr Text kSimplifyEs[] = {"Simplifica {f}.",
                                "Simplifica la fracción {f}.",
                                "Reduce {f} a su mínima expresión.",
                                "¿Cuál es la fracción irreducible de {f}?",
                                "¿Cómo se simplifica {f}?",
                                "Escribe {f} como fracción irreducible.",
                                "¿Puedes simplificar {f}?",
                                "{f} simplificada, ¿cuál es?"};

constexpr Text kLargestKo[] = {"{l} 중 가장 큰 수는?",
                               "{l} 중에서 가장 큰 수는 뭐야?",
                               "{l} 중 가장 큰 것은?",
                               "{l} 중에서 제일 큰 수는?",
                               "{l} 가운데 가장 큰 수를 고르세요.",
                               "{l} 중 가장 큰 수를 찾아 줘.",
                               "다음 중 가장 큰 수는? {l}",
                               "다음 수 중 제일 큰 것을 고르세요: {l}",
                               "{l} 중에 뭐가 제일 커?",
                               "{l} 중 최댓값은?",
                               "가장 큰 수를 골라 줘: {l}",
                               "{l}, 이 중에 제일 큰 건?",
                               "{l} 중 가장 큰 수를 말해 주세요.",
                               "이 중 가장 큰 수는 무엇인가요? {l}",
                               "{l} 중에서 가장 큰 값을 알려 줘.",
                               "제일 큰 수는 뭐야? {l}"};
constexpr Text kLargestEn[] = {"Which is the largest: {l}?",
                               "Which is the biggest: {l}?",
                               "Which number is largest: {l}?",
                               "What is the largest of {l}?",
                               "What is the greatest of {l}?",
                               "Find the largest number: {l}",
                               "Pick the biggest number: {l}",
                               "Which of these is the greatest? {l}",
                               "Of {l}, which is the largest?",
                               "Tell me the largest of {l}.",
                               "What's the maximum of {l}?",
                               "Choose the greatest: {l}",
                               "Which of {l} is the biggest?",
                               "Among {l}, which is largest?",
                               "largest of {l}?",
                               "Give me the biggest of these: {l}"};
constexpr Text kLargestZh[] = {"{l}中最大的是哪个？", "{l}里哪个最大？",       "下面哪个数最大？{l}",
                               "找出最大的数：{l}",   "{l}中的最大值是多少？", "请选出最大的数：{l}"};
constexpr Text kLargestJa[] = {"{l}の中で一番大きい数は？",
                               "{l}のうち最も大きいのはどれですか？",
                               "次の中で一番大きい数はどれ？ {l}",
                               "一番大きい数を選んでください。{l}",
                               "{l}の最大値は？",
                               "{l}で一番大きいのは？"};
constexpr Text kLargestEs[] = {"¿Cuál es el mayor: {l}?",    "¿Cuál es el número más grande: {l}?",
                               "De {l}, ¿cuál es el mayor?", "Elige el mayor: {l}",
                               "Halla el máximo de {l}.",    "¿Qué número es mayor: {l}?"};

constexpr Text kSmallestKo[] = {"{l} 중 가장 작은 수는?",
                                "{l} 중에서 가장 작은 수는 뭐야?",
                                "{l} 중 가장 작은 것은?",
                                "{l} 중에서 제일 작은 수는?",
                                "{l} 가운데 가장 작은 수를 고르세요.",
                                "{l} 중 가장 작은 수를 찾아 줘.",
                                "다음 중 가장 작은 수는? {l}",
                                "다음 수 중 제일 작은 것을 고르세요: {l}",
                                "{l} 중에 뭐가 제일 작아?",
                                "{l} 중 최솟값은?",
                                "가장 작은 수를 골라 줘: {l}",
                                "{l}, 이 중에 제일 작은 건?",
                                "{l} 중 가장 작은 수를 말해 주세요.",
                                "이 중 가장 작은 수는 무엇인가요? {l}",
                                "{l} 중에서 가장 작은 값을 알려 줘.",
                                "제일 작은 수는 뭐야? {l}"};
constexpr Text kSmallestEn[] = {"Which is the smallest: {l}?",
                                "Which is the least: {l}?",
                                "Which number is smallest: {l}?",
                                "What is the smallest of {l}?",
                                "What is the least of {l}?",
                                "Find the smallest number: {l}",
                                "Pick the smallest number: {l}",
                                "Which of these is the smallest? {l}",
                                "Of {l}, which is the smallest?",
                                "Tell me the smallest of {l}.",
                                "What's the minimum of {l}?",
                                "Choose the smallest: {l}",
                                "Which of {l} is the smallest?",
                                "Among {l}, which is smallest?",
                                "smallest of {l}?",
                                "Give me the lowest of these: {l}"};
constexpr Text kSmallestZh[] = {"{l}中最小的是哪个？", "{l}里哪个最小？",       "下面哪个数最小？{l}",
                                "找出最小的数：{l}",   "{l}中的最小值是多少？", "请选出最小的数：{l}"};
constexpr Text kSmallestJa[] = {"{l}の中で一番小さい数は？",
                                "{l}のうち最も小さいのはどれですか？",
                                "次の中で一番小さい数はどれ？ {l}",
                                "一番小さい数を選んでください。{l}",
                                "{l}の最小値は？",
                                "{l}で一番小さいのは？"};
constexpr Text kSmallestEs[] = {"¿Cuál es el menor: {l}?",    "¿Cuál es el número más pequeño: {l}?",
                                "De {l}, ¿cuál es el menor?", "Elige el menor: {l}",
                                "Halla el mínimo de {l}.",    "¿Qué número es menor: {l}?"};

constexpr Text kLargerKo[] = {"{a|와} {b} 중 어느 것이 더 커?",
                              "{a|와} {b} 중 더 큰 수는?",
                              "{a|와} {b} 중에 뭐가 더 커?",
                              "{a}하고 {b} 중에 큰 쪽은?",
                              "{a|와} {b} 가운데 더 큰 수를 고르세요.",
                              "{a|이랑} {b} 중에 어느 게 더 큰가요?",
                              "{a|와} {b|을} 비교하면 어느 쪽이 더 커?",
                              "둘 중 큰 수는? {a}, {b}"};
constexpr Text kLargerEn[] = {"Which is larger, {a} or {b}?",
                              "Which is bigger: {a} or {b}?",
                              "Which is greater, {a} or {b}?",
                              "What is larger, {a} or {b}?",
                              "{a} or {b}, which is more?",
                              "Pick the larger of {a} and {b}.",
                              "Compare {a} and {b}. Which is greater?",
                              "Which number is bigger, {a} or {b}?"};
constexpr Text kLargerZh[] = {"{a}和{b}哪个大？", "{a}和{b}哪个更大？", "比较{a}和{b}，哪个大？",
                              "{a}与{b}中较大的是哪个？"};
constexpr Text kLargerJa[] = {"{a}と{b}ではどちらが大きい？", "{a}と{b}、どちらが大きいですか？",
                              "{a}と{b}の大きい方は？", "{a}と{b}を比べて、大きい方を答えなさい。"};
constexpr Text kLargerEs[] = {"¿Cuál es mayor, {a} o {b}?", "¿Qué es más grande, {a} o {b}?",
                              "Compara {a} y {b}. ¿Cuál es mayor?", "Entre {a} y {b}, ¿cuál es el mayor?"};
constexpr Text kSmallerKo[] = {"{a|와} {b} 중 어느 것이 더 작아?",
                               "{a|와} {b} 중 더 작은 수는?",
                               "{a|와} {b} 중에 뭐가 더 작아?",
                               "{a}하고 {b} 중에 작은 쪽은?",
                               "{a|와} {b} 가운데 더 작은 수를 고르세요.",
                               "{a|이랑} {b} 중에 어느 게 더 작은가요?",
                               "{a|와} {b|을} 비교하면 어느 쪽이 더 작아?",
                               "둘 중 작은 수는? {a}, {b}"};
constexpr Text kSmallerEn[] = {
    "Which is smaller, {a} or {b}?",        "Which is less: {a} or {b}?",
    "What is smaller, {a} or {b}?",         "{a} or {b}, which is less?",
    "Pick the smaller of {a} and {b}.",     "Compare {a} and {b}. Which is smaller?",
    "Which number is smaller, {a} or {b}?", "Which is lower, {a} or {b}?"};
constexpr Text kSmallerZh[] = {"{a}和{b}哪个小？", "{a}和{b}哪个更小？", "比较{a}和{b}，哪个小？",
                               "{a}与{b}中较小的是哪个？"};
constexpr Text kSmallerJa[] = {"{a}と{b}ではどちらが小さい？", "{a}と{b}、どちらが小さいですか？",
                               "{a}と{b}の小さい方は？", "{a}と{b}を比べて、小さい方を答えなさい。"};
constexpr Text kSmallerEs[] = {"¿Cuál es menor, {a} o {b}?", "¿Qué es más pequeño, {a} o {b}?",
                               "Compara {a} y {b}. ¿Cuál es menor?", "Entre {a} y {b}, ¿cuál es el menor?"};
constexpr Text kIsLargerKo[] = {"{a|은} {b}보다 커?",        "{a|은} {b}보다 큰가요?",
                                "{a|이} {b}보다 더 큰가요?", "{a|이} {b}보다 큰 수야?",
                                "{a} > {b|이} 맞아?",        "{a}, {b}보다 커?"};
constexpr Text kIsLargerEn[] = {"Is {a} larger than {b}?",    "Is {a} greater than {b}?",
                                "Is {a} bigger than {b}?",    "Is {a} more than {b}?",
                                "Is it true that {a} > {b}?", "{a} > {b}, true?"};
constexpr Text kIsLargerZh[] = {"{a}比{b}大吗？", "{a}大于{b}吗？", "{a} > {b}，对吗？"};
constexpr Text kIsLargerJa[] = {"{a}は{b}より大きいですか？", "{a}は{b}より大きい？",
                                "{a} > {b}は正しいですか？"};
constexpr Text kIsLargerEs[] = {"¿Es {a} mayor que {b}?", "¿Es {a} más grande que {b}?",
                                "¿Es cierto que {a} > {b}?"};
constexpr Text kIsSmallerKo[] = {"{a|은} {b}보다 작아?",        "{a|은} {b}보다 작은가요?",
                                 "{a|이} {b}보다 더 작은가요?", "{a|이} {b}보다 작은 수야?",
                                 "{a} < {b|이} 맞아?",          "{a}, {b}보다 작아?"};
constexpr Text kIsSmallerEn[] = {"Is {a} smaller than {b}?",   "Is {a} less than {b}?",
                                 "Is {a} below {b}?",          "Is {a} lower than {b}?",
                                 "Is it true that {a} < {b}?", "{a} < {b}, true?"};
constexpr Text kIsSmallerZh[] = {"{a}比{b}小吗？", "{a}小于{b}吗？", "{a} < {b}，对吗？"};
constexpr Text kIsSmallerJa[] = {"{a}は{b}より小さいですか？", "{a}は{b}より小さい？",
                                 "{a} < {b}は正しいですか？"};
constexpr Text kIsSmallerEs[] = {"¿Es {a} menor que {b}?", "¿Es {a} más pequeño que {b}?",
                                 "¿Es cierto que {a} < {b}?"};
constexpr Text kYesKo[] = {"네"}, kYesEn[] = {"yes"}, kYesZh[] = {"是"}, kYesJa[] = {"はい"},
               kYesEs[] = {"sí"};
constexpr Text kNoKo[] = {"아니요"}, kNoEn[] = {"no"}, kNoZh[] = {"不是"}, kNoJa[] = {"いいえ"},
               kNoEs[] = {"no"};

constexpr Text kNextKo[] = {"{l} 다음에 올 수는?",
                            "{l} 다음 수는 뭐야?",
                            "{l}, 그다음은?",
                            "다음에 올 수를 구하세요: {l}",
                            "{l}, 다음에 올 수는 무엇인가요?",
                            "규칙을 찾아 다음 수를 구해 줘. {l}",
                            "수열 {l}의 다음 항은?",
                            "수열 {l}의 다음 수를 구하세요.",
                            "{l}, ?",
                            "{l}, □",
                            "{l}, ? 물음표에 들어갈 수는?",
                            "{l} 이렇게 이어지면 다음은 몇이야?",
                            "{l} 뒤에 이어질 수는?",
                            "{l}에 이어서 올 수를 맞혀 봐.",
                            "이 수열의 다음 수는? {l}",
                            "{l}, ... 다음 수를 알려 주세요.",
                            "{l}, 그다음에 오는 수는 얼마예요?",
                            "다음 빈칸에 들어갈 수는? {l}, □",
                            "빈칸을 채우세요: {l}, ___",
                            "규칙에 따라 이어 써 줘: {l}",
                            "{l} 다음에는 어떤 수가 와?",
                            "{l}, 그러면 다음은?",
                            "수가 {l} 순서로 놓여 있어. 다음 수는?",
                            "{l} 수의 규칙에서 다음 수를 찾으세요.",
                            "나열된 수 {l} 다음 수를 말해 줘.",
                            "{l} 다음 숫자 맞히기!"};
constexpr Text kNextEn[] = {"What comes next: {l}?",
                            "What comes next? {l}",
                            "What is the next number: {l}?",
                            "{l}, ?",
                            "{l}, what's next?",
                            "Find the next term: {l}",
                            "Find the next number in {l}.",
                            "What is the next term of the sequence {l}?",
                            "Which number follows {l}?",
                            "Continue the sequence: {l}",
                            "Continue the pattern: {l}",
                            "What number comes after {l}?",
                            "Next number: {l}, ...",
                            "{l}, ... what is next?",
                            "Fill in the blank: {l}, ___",
                            "Look at {l}. What comes next?",
                            "The sequence goes {l}. What is next?",
                            "Guess the next number: {l}",
                            "Complete the sequence: {l}, ?",
                            "What would be the next number in {l}?",
                            "Give the next term: {l}",
                            "Tell me what follows: {l}",
                            "Spot the pattern. {l}, ?",
                            "If the pattern goes {l}, what is the next number?",
                            "next number in {l}",
                            "{l}, and then?"};
constexpr Text kNextZh[] = {"{l}的下一个数是多少？",   "找规律：{l}，？",         "{l}，接下来是什么数？",
                            "{l}，下一个数是几？",     "数列{l}的下一项是多少？", "按规律填空：{l}，（  ）",
                            "{l}，后面应该是哪个数？", "请写出下一个数：{l}"};
constexpr Text kNextJa[] = {"{l}の次の数は？",
                            "{l}、次に来る数は何ですか？",
                            "数列{l}の次の項は？",
                            "規則を見つけて次の数を答えなさい。{l}",
                            "{l}、？",
                            "{l}の次はいくつ？",
                            "空欄をうめなさい：{l}、□",
                            "{l}に続く数を教えてください。"};
constexpr Text kNextEs[] = {"¿Qué número sigue: {l}?",
                            "¿Cuál es el siguiente: {l}?",
                            "Continúa la serie: {l}",
                            "{l}, ¿qué sigue?",
                            "Halla el siguiente término: {l}",
                            "¿Cuál es el siguiente número de la sucesión {l}?",
                            "Completa: {l}, ___",
                            "¿Qué número va después de {l}?"};

constexpr Text kMissingKo[] = {"{l}에서 빈칸에 들어갈 수는?",
                               "빈칸에 알맞은 수를 구하세요: {l}",
                               "{l} 빈칸에 뭐가 들어가?",
                               "빈칸을 채워 줘. {l}",
                               "다음 수열에서 빠진 수는? {l}",
                               "{l}에서 빠진 수를 찾으세요.",
                               "규칙을 찾아 빈칸을 채우세요. {l}",
                               "수열 {l}의 빈칸에 들어갈 수는 얼마예요?",
                               "빠진 수가 뭐야? {l}",
                               "{l}, 빈칸은 몇이야?",
                               "빈칸에 올 수를 알려 주세요: {l}",
                               "수열이야. 빈칸을 맞혀 봐. {l}"};
constexpr Text kMissingEn[] = {"What is the missing number: {l}?",
                               "Find the missing number: {l}",
                               "Fill in the gap: {l}",
                               "Which number is missing? {l}",
                               "What goes in the blank: {l}?",
                               "Fill the blank in the sequence {l}.",
                               "Complete the pattern: {l}",
                               "What number is missing from {l}?",
                               "One number is missing: {l}. Which is it?",
                               "Find the missing term in {l}.",
                               "Look at {l}. What belongs in the gap?",
                               "missing number in {l}"};
constexpr Text kMissingZh[] = {"{l}中空格处应填几？",     "填空：{l}",
                               "找规律填数：{l}",         "{l}里缺的数是多少？",
                               "数列{l}中缺少的数是几？", "空格里应该填什么数？{l}"};
constexpr Text kMissingJa[] = {"{l}の空欄に入る数は？",        "空欄をうめてください。{l}",
                               "抜けている数は何ですか？ {l}", "数列{l}の空欄に入る数を答えなさい。",
                               "空いているところの数は？ {l}", "規則を見つけて空欄をうめなさい。{l}"};
constexpr Text kMissingEs[] = {"¿Qué número falta: {l}?",           "Completa el hueco: {l}",
                               "Halla el número que falta: {l}",    "¿Qué número va en el espacio? {l}",
                               "Falta un número en {l}. ¿Cuál es?", "Completa la serie: {l}"};

constexpr Text kEquationKo[] = {"{e}일 때 {x|은}?",
                                "{e}일 때 {x|은} 얼마야?",
                                "{e}일 때 {x}의 값은?",
                                "{e}일 때 {x}의 값을 구하세요.",
                                "{e|을} 풀어 줘.",
                                "{e|을} 푸세요.",
                                "{e|을} 풀어 주세요.",
                                "방정식 {e|을} 풀어 줘.",
                                "방정식 {e|을} 푸세요.",
                                "방정식 {e}의 해는?",
                                "방정식 {e}의 해를 구하세요.",
                                "{e}, {x|은}?",
                                "{e}에서 {x|은} 얼마예요?",
                                "{e}에서 {x|을} 구해 줘.",
                                "{e|이면} {x|은} 얼마인가요?",
                                "{e|을} 만족하는 {x|은}?",
                                "{e|을} 만족하는 {x}의 값을 알려 주세요.",
                                "{x|을} 구하세요: {e}",
                                "{x}의 값을 알려 줘: {e}",
                                "다음 방정식을 풀어 줘. {e}",
                                "일차방정식 {e}의 해는 얼마야?",
                                "이 식에서 {x|이} 뭐야? {e}",
                                "{e} 풀이해 줘.",
                                "{e|이라}면 {x}의 값은 얼마일까?",
                                "방정식 풀이: {e}",
                                "{e}일 때 {x|을} 찾아봐.",
                                "{e} 이거 풀 수 있어?",
                                "{e|이} 되게 하는 {x|은}?"};
constexpr Text kEquationEn[] = {"Solve {e}.",
                                "Solve for {x}: {e}",
                                "Solve the equation {e}.",
                                "Solve {e} for {x}.",
                                "Find {x}: {e}",
                                "Find {x} if {e}.",
                                "Find the value of {x} when {e}.",
                                "What is {x} if {e}?",
                                "What is {x} in {e}?",
                                "If {e}, what is {x}?",
                                "If {e}, find {x}.",
                                "{e}, what is {x}?",
                                "{e}. What is {x}?",
                                "Given {e}, find {x}.",
                                "Please solve {e}.",
                                "Can you solve {e}?",
                                "Could you find {x} in {e}?",
                                "What value of {x} makes {e} true?",
                                "Determine {x}: {e}",
                                "What's the solution of {e}?",
                                "For which {x} is {e}?",
                                "{e}, {x} = ?",
                                "Work out {x}: {e}",
                                "Which number is {x} if {e}?",
                                "solve {e}",
                                "Equation: {e}. Give me {x}.",
                                "Tell me {x} when {e}.",
                                "Suppose {e}. What is {x}?"};
constexpr Text kEquationZh[] = {"解方程：{e}",      "解方程{e}。",          "如果{e}，{x}是多少？",
                                "{e}，求{x}。",     "已知{e}，求{x}的值。", "方程{e}的解是多少？",
                                "{e}，{x}等于几？", "当{e}时，{x}是多少？"};
constexpr Text kEquationJa[] = {"方程式{e}を解いてください。", "{e}を解きなさい。",
                                "{e}のとき、{x}は？",          "{e}のとき、{x}の値を求めなさい。",
                                "{e}の{x}はいくつですか？",    "方程式{e}の解は？",
                                "{e}なら{x}はいくつ？",        "{x}を求めてください：{e}"};
constexpr Text kEquationEs[] = {"Resuelve {e}.",
                                "Resuelve la ecuación {e}.",
                                "Halla {x} si {e}.",
                                "Si {e}, ¿cuánto vale {x}?",
                                "¿Cuánto vale {x} en {e}?",
                                "Despeja {x}: {e}",
                                "¿Cuál es la solución de {e}?",
                                "{e}, ¿cuánto vale {x}?"};
constexpr Text kBoxKo[] = {"{e}에서 □에 들어갈 수는?",      "{e}, □는?",
                           "□에 알맞은 수를 구하세요: {e}", "{e}일 때 □는 얼마야?",
                           "□ 안에 들어갈 수는 뭐야? {e}",  "빈칸에 들어갈 수는? {e}",
                           "{e}, 네모는 몇이야?",           "{e}에서 네모에 들어갈 수를 알려 줘."};
constexpr Text kBoxEn[] = {"What number goes in the box? {e}",
                           "{e}. What is □?",
                           "Fill in the box: {e}",
                           "Find the missing number: {e}",
                           "Which number makes {e} true?",
                           "{e}, □ = ?",
                           "What should replace □ in {e}?",
                           "Fill the blank: {e}"};
constexpr Text kBoxZh[] = {"{e}，□里填几？", "在□里填上合适的数：{e}", "{e}，□等于多少？", "□应该是几？{e}"};
constexpr Text kBoxJa[] = {"{e}の□に入る数は？", "□に当てはまる数を求めなさい。{e}", "{e}、□はいくつ？",
                           "□に入る数を答えてください：{e}"};
constexpr Text kBoxEs[] = {"¿Qué número va en □? {e}", "Completa: {e}", "{e}, ¿cuánto vale □?",
                           "Halla el número que falta: {e}"};

constexpr Text kSameKo[] = {"", "분모가 같으니 분자만 계산한다."};
constexpr Text kSameEn[] = {"", "Same denominator: work with the numerators."};
constexpr Text kSameZh[] = {"", "分母相同，只算分子。"};
constexpr Text kSameJa[] = {"", "分母が同じなので分子だけ計算する。"};
constexpr Text kSameEs[] = {"", "Mismo denominador: opero los numeradores."};
constexpr Text kCommonKo[] = {"", "통분한다."};
constexpr Text kCommonEn[] = {"", "Find a common denominator."};
constexpr Text kCommonZh[] = {"", "先通分。"};
constexpr Text kCommonJa[] = {"", "通分する。"};
constexpr Text kCommonEs[] = {"", "Busco un denominador común."};
constexpr Text kTimesKo[] = {"", "분자는 분자끼리, 분모는 분모끼리 곱한다."};
constexpr Text kTimesEn[] = {"", "Multiply the tops and the bottoms."};
constexpr Text kTimesZh[] = {"", "分子乘分子，分母乘分母。"};
constexpr Text kTimesJa[] = {"", "分子どうし、分母どうしをかける。"};
constexpr Text kTimesEs[] = {"", "Multiplico numeradores y denominadores."};
constexpr Text kOverKo[] = {"", "나누는 분수를 뒤집어 곱한다."};
constexpr Text kOverEn[] = {"", "Flip the second and multiply."};
constexpr Text kOverZh[] = {"", "除以一个分数等于乘它的倒数。"};
constexpr Text kOverJa[] = {"", "わる分数をひっくり返してかける。"};
constexpr Text kOverEs[] = {"", "Invierto la segunda y multiplico."};
constexpr Text kReduceKo[] = {"", "최대공약수로 나눈다."};
constexpr Text kReduceEn[] = {"", "Divide by the greatest common divisor."};
constexpr Text kReduceZh[] = {"", "除以最大公约数。"};
constexpr Text kReduceJa[] = {"", "最大公約数で割る。"};
constexpr Text kReduceEs[] = {"", "Divido entre el máximo común divisor."};
constexpr Text kCompareKo[] = {"", "둘씩 비교한다.", "앞자리부터 비교한다."};
constexpr Text kCompareEn[] = {"", "Compare in pairs.", "Compare from the left."};
constexpr Text kCompareZh[] = {"", "两两比较。"};
constexpr Text kCompareJa[] = {"", "二つずつ比べる。"};
constexpr Text kCompareEs[] = {"", "Comparo de dos en dos."};
constexpr Text kDifferencesKo[] = {"", "이웃한 수의 차를 본다."};
constexpr Text kDifferencesEn[] = {"", "Look at the differences."};
constexpr Text kDifferencesZh[] = {"", "看相邻两数的差。"};
constexpr Text kDifferencesJa[] = {"", "となりどうしの差を見る。"};
constexpr Text kDifferencesEs[] = {"", "Miro las diferencias."};
constexpr Text kSolveKo[] = {"", "{x|을} 구한다.", "{x}만 남긴다."};
constexpr Text kSolveEn[] = {"", "Solve for {x}.", "Get {x} alone."};
constexpr Text kSolveZh[] = {"", "求{x}。"};
constexpr Text kSolveJa[] = {"", "{x}を求める。"};
constexpr Text kSolveEs[] = {"", "Despejo {x}."};

}  // namespace

const Patterns kFractionQuestions{kFractionKo, kFractionEn, kFractionZh, kFractionJa, kFractionEs};
const Patterns kSimplifyQuestions{kSimplifyKo, kSimplifyEn, kSimplifyZh, kSimplifyJa, kSimplifyEs};
const Patterns kLargestQuestions{kLargestKo, kLargestEn, kLargestZh, kLargestJa, kLargestEs};
const Patterns kSmallestQuestions{kSmallestKo, kSmallestEn, kSmallestZh, kSmallestJa, kSmallestEs};
const Patterns kLargerOfTwo{kLargerKo, kLargerEn, kLargerZh, kLargerJa, kLargerEs};
const Patterns kSmallerOfTwo{kSmallerKo, kSmallerEn, kSmallerZh, kSmallerJa, kSmallerEs};
const Patterns kIsLargerQuestions{kIsLargerKo, kIsLargerEn, kIsLargerZh, kIsLargerJa, kIsLargerEs};
const Patterns kIsSmallerQuestions{kIsSmallerKo, kIsSmallerEn, kIsSmallerZh, kIsSmallerJa, kIsSmallerEs};
const Patterns kYes{kYesKo, kYesEn, kYesZh, kYesJa, kYesEs};
const Patterns kNo{kNoKo, kNoEn, kNoZh, kNoJa, kNoEs};
const Patterns kNextTermQuestions{kNextKo, kNextEn, kNextZh, kNextJa, kNextEs};
const Patterns kMissingQuestions{kMissingKo, kMissingEn, kMissingZh, kMissingJa, kMissingEs};
const Patterns kEquationQuestions{kEquationKo, kEquationEn, kEquationZh, kEquationJa, kEquationEs};
const Patterns kBoxQuestions{kBoxKo, kBoxEn, kBoxZh, kBoxJa, kBoxEs};
const Patterns kSameDenominator{kSameKo, kSameEn, kSameZh, kSameJa, kSameEs};
const Patterns kCommonDenominator{kCommonKo, kCommonEn, kCommonZh, kCommonJa, kCommonEs};
const Patterns kMultiplyFractions{kTimesKo, kTimesEn, kTimesZh, kTimesJa, kTimesEs};
const Patterns kDivideFractions{kOverKo, kOverEn, kOverZh, kOverJa, kOverEs};
const Patterns kSimplify{kReduceKo, kReduceEn, kReduceZh, kReduceJa, kReduceEs};
const Patterns kCompare{kCompareKo, kCompareEn, kCompareZh, kCompareJa, kCompareEs};
const Patterns kDifferences{kDifferencesKo, kDifferencesEn, kDifferencesZh, kDifferencesJa, kDifferencesEs};
const Patterns kSolve{kSolveKo, kSolveEn, kSolveZh, kSolveJa, kSolveEs};

}  // namespace jaju::data
