#include "data/synth/math_phrases.h"

namespace jaju::data {
namespace {

using Text = std::string_view;

constexpr Text kExpressionKo[] = {"{e} = ?",
                                  "{e}=?",
                                  "{e}",
                                  "{e} =",
                                  "{e|은}?",
                                  "{e|은} 얼마야?",
                                  "{e|은} 얼마예요?",
                                  "{e|은} 얼마인가요?",
                                  "{e|은} 몇이야?",
                                  "{e} 계산해 줘.",
                                  "{e|을} 계산해 줘.",
                                  "{e|을} 계산하세요.",
                                  "{e|을} 계산해 주세요.",
                                  "{e|을} 계산하면 얼마야?",
                                  "{e|을} 계산하면 얼마가 나와?",
                                  "{e|을} 계산해 볼래?",
                                  "{e}의 값은?",
                                  "{e}의 값을 구하세요.",
                                  "{e}의 값을 구해 줘.",
                                  "{e}의 답이 뭐야?",
                                  "{e} 답 좀 알려 줘.",
                                  "{e} 답을 알려 주세요.",
                                  "다음을 계산하세요: {e}",
                                  "다음 식을 계산해 줘. {e}",
                                  "계산: {e}",
                                  "이거 얼마야? {e}",
                                  "{e} 풀어 줘.",
                                  "{e|을} 풀어 주세요.",
                                  "{e} 결과가 궁금해.",
                                  "문제: {e}",
                                  "이 계산 좀 도와줘: {e}",
                                  "{e|이} 얼마인지 알려 줄래?"};
constexpr Text kExpressionEn[] = {"{e} = ?",
                                  "{e}=?",
                                  "{e}",
                                  "{e} =",
                                  "{e}?",
                                  "What is {e}?",
                                  "What's {e}?",
                                  "what is {e}",
                                  "Calculate {e}.",
                                  "Compute {e}.",
                                  "Work out {e}.",
                                  "Evaluate {e}.",
                                  "How much is {e}?",
                                  "Please calculate {e}.",
                                  "Can you work out {e}?",
                                  "Could you compute {e} for me?",
                                  "Find {e}.",
                                  "Find the value of {e}.",
                                  "What does {e} equal?",
                                  "What does {e} come to?",
                                  "Solve: {e}",
                                  "I need the result of {e}.",
                                  "Quick question: what is {e}?",
                                  "Help me with this one: {e}",
                                  "What do you get for {e}?",
                                  "Give me the answer to {e}.",
                                  "Calculate: {e}",
                                  "What is the result of {e}?",
                                  "Tell me what {e} is.",
                                  "What is the value of {e}?",
                                  "Problem: {e}",
                                  "How much does {e} make?"};
constexpr Text kExpressionZh[] = {"{e} = ?",         "{e}=?",       "{e}",         "{e}等于多少？",
                                  "{e}是多少？",     "计算{e}。",   "请计算：{e}", "{e}的结果是多少？",
                                  "帮我算一下{e}。", "求{e}的值。", "{e}得多少？", "算一算：{e}",
                                  "请问{e}等于几？"};
constexpr Text kExpressionJa[] = {"{e} = ?",
                                  "{e}=?",
                                  "{e}",
                                  "{e}は？",
                                  "{e}はいくつですか？",
                                  "{e}はいくつ？",
                                  "{e}を計算してください。",
                                  "{e}を計算して。",
                                  "{e}の答えは何ですか？",
                                  "{e}の答えを教えてください。",
                                  "次の計算をしなさい。{e}",
                                  "{e}の値を求めなさい。",
                                  "{e}を解いてください。"};
constexpr Text kExpressionEs[] = {"{e} = ?",
                                  "{e}=?",
                                  "{e}",
                                  "¿Cuánto es {e}?",
                                  "¿Cuánto da {e}?",
                                  "Calcula {e}.",
                                  "Calcule {e}, por favor.",
                                  "¿Cuál es el resultado de {e}?",
                                  "¿Puedes calcular {e}?",
                                  "Halla el valor de {e}.",
                                  "Resuelve: {e}",
                                  "Dime cuánto es {e}.",
                                  "Necesito el resultado de {e}."};

constexpr Text kAddKo[] = {"{a} 더하기 {b|은}?",
                           "{a} 더하기 {b|은} 얼마야?",
                           "{a} 더하기 {b|은} 얼마예요?",
                           "{a} 더하기 {b|은} 몇이지?",
                           "{a|와} {b|을} 더하면?",
                           "{a|와} {b|을} 더하면 얼마야?",
                           "{a|와} {b|을} 더하면 얼마예요?",
                           "{a|와} {b|을} 더하면 얼마가 되나요?",
                           "{a|와} {b}의 합은?",
                           "{a|와} {b}의 합을 구하세요.",
                           "{a|와} {b}의 합을 알려 줘.",
                           "{a}에 {b|을} 더하면 얼마야?",
                           "{a}에 {b|을} 더하면 몇이야?",
                           "{a}에 {b|을} 더하면 몇이 되나요?",
                           "{a}에 {b|을} 더한 값은 얼마인가요?",
                           "{a}에다 {b|을} 더해 줘.",
                           "{a}보다 {b} 큰 수는?",
                           "{a}보다 {b}만큼 큰 수는 얼마인가요?",
                           "{a|이랑} {b|을} 더하면 뭐가 나와?",
                           "{a|이랑} {b|을} 합치면 얼마야?",
                           "{a}하고 {b|을} 더하면 몇이야?",
                           "{a|와} {b|을} 모두 더하세요.",
                           "두 수 {a|와} {b}의 합은 얼마일까?"};
constexpr Text kAddEn[] = {"What is {a} plus {b}?",
                           "What's {a} plus {b}?",
                           "{a} plus {b}?",
                           "how much is {a} plus {b}",
                           "Add {a} and {b}.",
                           "Add {b} to {a}.",
                           "Please add {a} and {b}.",
                           "What is the sum of {a} and {b}?",
                           "Find the sum of {a} and {b}.",
                           "What do you get when you add {a} and {b}?",
                           "If I add {b} to {a}, what do I get?",
                           "What number is {b} more than {a}?",
                           "Which number is {b} greater than {a}?",
                           "How much do {a} and {b} make together?",
                           "What do {a} and {b} add up to?",
                           "Can you add {a} and {b} for me?",
                           "Sum of {a} and {b}?",
                           "Increase {a} by {b}.",
                           "{a} and {b} make how much?",
                           "What is {a} increased by {b}?",
                           "Total of {a} and {b}?",
                           "Tell me the sum of {a} and {b}."};
constexpr Text kAddZh[] = {"{a}加{b}等于多少？",     "{a}加上{b}是多少？", "{a}加{b}得几？",
                           "{a}与{b}的和是多少？",   "求{a}和{b}的和。",   "把{a}和{b}加起来是多少？",
                           "比{a}多{b}的数是多少？", "{a}加{b}等于几？",   "请计算{a}加{b}。"};
constexpr Text kAddJa[] = {"{a}たす{b}は？",
                           "{a}たす{b}はいくつですか？",
                           "{a}と{b}を足すといくつ？",
                           "{a}と{b}を足すといくつになりますか？",
                           "{a}に{b}を足すといくつですか？",
                           "{a}と{b}の合計は？",
                           "{a}と{b}の和を求めてください。",
                           "{a}より{b}大きい数は何ですか？",
                           "{a}に{b}を足した数を教えて。"};
constexpr Text kAddEs[] = {"¿Cuánto es {a} más {b}?",
                           "¿Cuánto suman {a} y {b}?",
                           "Suma {a} y {b}.",
                           "¿Cuál es la suma de {a} y {b}?",
                           "Súmale {b} a {a}.",
                           "Si a {a} le sumo {b}, ¿cuánto da?",
                           "{a} más {b}, ¿cuánto es?",
                           "¿Qué número es {b} mayor que {a}?",
                           "Halla la suma de {a} y {b}."};

constexpr Text kSubKo[] = {"{a} 빼기 {b|은}?",
                           "{a} 빼기 {b|은} 얼마야?",
                           "{a} 빼기 {b|은} 얼마예요?",
                           "{a} 빼기 {b|은} 몇이지?",
                           "{a}에서 {b|을} 빼면?",
                           "{a}에서 {b|을} 빼면 얼마야?",
                           "{a}에서 {b|을} 빼면 얼마예요?",
                           "{a}에서 {b|을} 빼면 얼마가 되나요?",
                           "{a}에서 {b|을} 빼면 몇이야?",
                           "{a}에서 {b|을} 뺀 값은?",
                           "{a}에서 {b|을} 뺀 값을 구하세요.",
                           "{a}에서 {b|을} 빼 줘.",
                           "{a}에서 {b|을} 빼면 뭐가 나와?",
                           "{a}보다 {b} 작은 수는?",
                           "{a}보다 {b}만큼 작은 수는 얼마인가요?",
                           "{a}에서 {b|을} 뺀 결과를 알려 주세요."};
constexpr Text kSubEn[] = {"What is {a} minus {b}?",
                           "What's {a} minus {b}?",
                           "{a} minus {b}?",
                           "how much is {a} minus {b}",
                           "Subtract {b} from {a}.",
                           "Please subtract {b} from {a}.",
                           "Take {b} away from {a}.",
                           "What do you get when you subtract {b} from {a}?",
                           "If I take {b} from {a}, what do I get?",
                           "What number is {b} less than {a}?",
                           "Which number is {b} smaller than {a}?",
                           "Decrease {a} by {b}.",
                           "What is {a} reduced by {b}?",
                           "Can you subtract {b} from {a} for me?",
                           "{a} take away {b}?",
                           "What is {b} less than {a}?"};
constexpr Text kSubZh[] = {"{a}减{b}等于多少？",     "{a}减去{b}是多少？",        "{a}减{b}得几？",
                           "从{a}中减去{b}是多少？", "比{a}少{b}的数是多少？",    "请计算{a}减{b}。",
                           "{a}减{b}等于几？",       "用{a}减去{b}，结果是多少？"};
constexpr Text kSubJa[] = {"{a}ひく{b}は？",
                           "{a}ひく{b}はいくつですか？",
                           "{a}から{b}を引くといくつ？",
                           "{a}から{b}を引くといくつになりますか？",
                           "{a}から{b}を引いてください。",
                           "{a}より{b}小さい数は何ですか？",
                           "{a}から{b}を引いた答えを教えて。",
                           "{a}から{b}を引いた数は？"};
constexpr Text kSubEs[] = {"¿Cuánto es {a} menos {b}?",  "Resta {b} de {a}.",
                           "Réstale {b} a {a}.",         "Si a {a} le quito {b}, ¿cuánto da?",
                           "{a} menos {b}, ¿cuánto es?", "¿Qué número es {b} menor que {a}?",
                           "¿Cuánto da {a} menos {b}?",  "Quita {b} a {a}. ¿Cuánto da?"};

constexpr Text kDifferenceKo[] = {"{a|와} {b}의 차는?",
                                  "{a|와} {b}의 차이는 얼마야?",
                                  "{a|와} {b}의 차를 구하세요.",
                                  "{a|은} {b}보다 얼마나 커?",
                                  "{a|은} {b}보다 얼마나 더 큰가요?",
                                  "{b}에 얼마를 더하면 {a|이} 될까?",
                                  "{a}에서 {b|을} 빼면 얼마가 남나요?",
                                  "{b|은} {a}보다 얼마나 작아?",
                                  "{a|와} {b|은} 얼마나 차이 나?"};
constexpr Text kDifferenceEn[] = {"What is the difference between {a} and {b}?",
                                  "Find the difference between {a} and {b}.",
                                  "How much more is {a} than {b}?",
                                  "How much less is {b} than {a}?",
                                  "How much is left when you take {b} from {a}?",
                                  "What must be added to {b} to get {a}?",
                                  "By how much is {a} greater than {b}?",
                                  "How far is it from {b} to {a}?",
                                  "Difference of {a} and {b}?"};
constexpr Text kDifferenceZh[] = {"{a}与{b}的差是多少？", "{a}比{b}大多少？", "{b}比{a}小多少？",
                                  "求{a}和{b}的差。"};
constexpr Text kDifferenceJa[] = {"{a}と{b}の差は？", "{a}と{b}の差を求めなさい。",
                                  "{a}は{b}よりいくつ大きいですか？", "{b}は{a}よりいくつ小さいですか？"};
constexpr Text kDifferenceEs[] = {"¿Cuál es la diferencia entre {a} y {b}?", "¿Cuánto más es {a} que {b}?",
                                  "¿Cuánto le falta a {b} para llegar a {a}?",
                                  "Halla la diferencia entre {a} y {b}."};

constexpr Text kMulKo[] = {"{a} 곱하기 {b|은}?",
                           "{a} 곱하기 {b|은} 얼마야?",
                           "{a} 곱하기 {b|은} 얼마예요?",
                           "{a} 곱하기 {b|은} 몇이지?",
                           "{a|와} {b|을} 곱하면?",
                           "{a|와} {b|을} 곱하면 얼마야?",
                           "{a|와} {b|을} 곱하면 얼마가 되나요?",
                           "{a|와} {b}의 곱은?",
                           "{a|와} {b}의 곱을 구하세요.",
                           "{a|와} {b}의 곱을 알려 줘.",
                           "{a}에 {b|을} 곱하면 얼마야?",
                           "{a}에 {b|을} 곱한 값은 얼마인가요?",
                           "{a}에 {b|을} 곱해 줘.",
                           "{a}의 {b}배는?",
                           "{a}의 {b}배는 얼마예요?",
                           "{a|을} {b}번 더하면 얼마가 되나요?",
                           "{a|이랑} {b|을} 곱하면 뭐가 나와?",
                           "{a|이} {b}개 있으면 모두 얼마야?",
                           "두 수 {a|와} {b}의 곱은 얼마일까?"};
constexpr Text kMulEn[] = {"What is {a} times {b}?",
                           "What's {a} times {b}?",
                           "{a} times {b}?",
                           "how much is {a} times {b}",
                           "Multiply {a} by {b}.",
                           "Please multiply {a} by {b}.",
                           "Multiply {a} and {b}.",
                           "What is the product of {a} and {b}?",
                           "Find the product of {a} and {b}.",
                           "What do you get when you multiply {a} by {b}?",
                           "If I multiply {a} by {b}, what do I get?",
                           "What is {a} multiplied by {b}?",
                           "Can you multiply {a} by {b} for me?",
                           "How much is {b} lots of {a}?",
                           "What are {b} groups of {a} worth?",
                           "Product of {a} and {b}?",
                           "Tell me {a} times {b}.",
                           "What is {b} times as much as {a}?"};
constexpr Text kMulZh[] = {"{a}乘{b}等于多少？",   "{a}乘以{b}是多少？", "{a}乘{b}得几？",
                           "{a}与{b}的积是多少？", "求{a}和{b}的积。",   "{a}的{b}倍是多少？",
                           "{b}个{a}是多少？",     "请计算{a}乘以{b}。", "把{a}和{b}相乘得多少？"};
constexpr Text kMulJa[] = {"{a}かける{b}は？",
                           "{a}かける{b}はいくつですか？",
                           "{a}に{b}をかけるといくつ？",
                           "{a}に{b}をかけるといくつになりますか？",
                           "{a}と{b}をかけてください。",
                           "{a}と{b}の積を求めなさい。",
                           "{a}の{b}倍はいくつですか？",
                           "{a}が{b}個あると全部でいくつ？",
                           "{a}と{b}をかけた答えを教えて。"};
constexpr Text kMulEs[] = {"¿Cuánto es {a} por {b}?",
                           "Multiplica {a} por {b}.",
                           "¿Cuál es el producto de {a} y {b}?",
                           "Halla el producto de {a} y {b}.",
                           "¿Cuánto da {a} multiplicado por {b}?",
                           "{a} por {b}, ¿cuánto es?",
                           "Si multiplico {a} por {b}, ¿cuánto da?",
                           "¿Cuánto es {b} veces {a}?"};

constexpr Text kDivKo[] = {"{a} 나누기 {b|은}?",
                           "{a} 나누기 {b|은} 얼마야?",
                           "{a} 나누기 {b|은} 얼마예요?",
                           "{a} 나누기 {b|은} 몇이지?",
                           "{a|을} {b|으로} 나누면?",
                           "{a|을} {b|으로} 나누면 얼마야?",
                           "{a|을} {b|으로} 나누면 얼마가 되나요?",
                           "{a|을} {b|으로} 나누면 몇이야?",
                           "{a|을} {b|으로} 나눈 값은?",
                           "{a|을} {b|으로} 나눈 값을 구하세요.",
                           "{a|을} {b|으로} 나눠 줘.",
                           "{a}에 {b|이} 몇 번 들어가?",
                           "{b}에 얼마를 곱하면 {a|이} 돼?",
                           "{a|을} 똑같이 {b|으로} 나누면 하나는 얼마인가요?",
                           "{a|은} {b}의 몇 배야?"};
constexpr Text kDivEn[] = {"What is {a} divided by {b}?",
                           "What's {a} divided by {b}?",
                           "{a} divided by {b}?",
                           "how much is {a} divided by {b}",
                           "Divide {a} by {b}.",
                           "Please divide {a} by {b}.",
                           "What do you get when you divide {a} by {b}?",
                           "If I divide {a} by {b}, what do I get?",
                           "How many times does {b} go into {a}?",
                           "How many times is {b} contained in {a}?",
                           "Can you divide {a} by {b} for me?",
                           "Split {a} into {b} equal parts. How much is each?",
                           "{b} times what is {a}?",
                           "Share {a} equally among {b}."};
constexpr Text kDivZh[] = {"{a}除以{b}等于多少？",
                           "{a}除以{b}是多少？",
                           "{a}除以{b}得几？",
                           "{a}里面有几个{b}？",
                           "{a}是{b}的几倍？",
                           "请计算{a}除以{b}。",
                           "把{a}平均分成{b}份，每份是多少？",
                           "{b}乘几等于{a}？"};
constexpr Text kDivJa[] = {"{a}わる{b}は？",
                           "{a}わる{b}はいくつですか？",
                           "{a}を{b}で割るといくつ？",
                           "{a}を{b}で割るといくつになりますか？",
                           "{a}を{b}で割ってください。",
                           "{a}は{b}の何倍ですか？",
                           "{a}を{b}等分すると一つはいくつですか？",
                           "{a}を{b}で割った答えを教えて。"};
constexpr Text kDivEs[] = {"¿Cuánto es {a} entre {b}?",
                           "¿Cuánto es {a} dividido entre {b}?",
                           "Divide {a} entre {b}.",
                           "¿Cuántas veces cabe {b} en {a}?",
                           "Si divido {a} entre {b}, ¿cuánto da?",
                           "{a} entre {b}, ¿cuánto es?",
                           "Reparte {a} en {b} partes iguales. ¿Cuánto toca a cada una?",
                           "¿Cuánto da {a} dividido por {b}?"};

constexpr Text kDivBothKo[] = {"{a|을} {b|으로} 나눈 몫과 나머지는?",
                               "{a|을} {b|으로} 나누면 몫과 나머지는 얼마야?",
                               "{a|을} {b|으로} 나눈 몫과 나머지를 구하세요.",
                               "{a|을} {b|으로} 나눌 때 몫과 나머지를 알려 줘.",
                               "{e}의 몫과 나머지는?",
                               "{e}의 몫과 나머지를 구해 주세요.",
                               "{a} 나누기 {b}의 몫과 나머지는 뭐야?",
                               "{e}, 몫과 나머지는?",
                               "몫과 나머지를 구하세요: {e}",
                               "{e|을} 몫과 나머지로 나타내세요.",
                               "{a|을} {b|으로} 나누면 몫은 몇이고 나머지는 몇이야?",
                               "나머지까지 계산해 줘: {e}"};
constexpr Text kDivBothEn[] = {"What are the quotient and remainder of {e}?",
                               "Divide {a} by {b}. Give the quotient and the remainder.",
                               "What is {a} divided by {b}, with remainder?",
                               "{e} with remainder?",
                               "Find the quotient and remainder when {a} is divided by {b}.",
                               "Compute {e} and give the remainder too.",
                               "How many times does {b} go into {a}, and what is left?",
                               "Quotient and remainder of {a} divided by {b}?",
                               "Divide {a} by {b} with remainder.",
                               "Work out {e} as quotient and remainder.",
                               "{a} divided by {b}: quotient and remainder, please.",
                               "Give me quotient and remainder for {e}."};
constexpr Text kDivBothZh[] = {
    "{a}除以{b}，商和余数是多少？", "求{e}的商和余数。",     "{e}商几余几？",
    "{a}除以{b}商多少，余多少？",   "请算出{e}的商和余数。", "{e}，商和余数各是多少？"};
constexpr Text kDivBothJa[] = {
    "{a}を{b}で割った商と余りは？",          "{e}の商と余りを求めなさい。",
    "{a}わる{b}はいくつあまりいくつ？",      "{e}はいくつあまりいくつですか？",
    "{e}を計算して、余りも出してください。", "{a}を{b}で割ると、商と余りはいくつですか？"};
constexpr Text kDivBothEs[] = {"¿Cuál es el cociente y el resto de {e}?",
                               "Divide {a} entre {b} y da el cociente y el resto.",
                               "Halla el cociente y el resto de dividir {a} entre {b}.",
                               "{e}: ¿cociente y resto?",
                               "¿Cuántas veces cabe {b} en {a} y cuánto sobra?",
                               "Calcula {e} con resto."};

constexpr Text kRemainderKo[] = {"{a|을} {b|으로} 나눈 나머지는?",
                                 "{a|을} {b|으로} 나누면 나머지가 얼마야?",
                                 "{a|을} {b|으로} 나눈 나머지를 구하세요.",
                                 "{a|을} {b|으로} 나눌 때 나머지는 몇인가요?",
                                 "{e}의 나머지는?",
                                 "{a|을} {b|으로} 나누면 얼마가 남아?",
                                 "{a|을} {b}씩 묶으면 몇이 남아?"};
constexpr Text kRemainderEn[] = {"What is the remainder of {e}?",
                                 "What is the remainder when {a} is divided by {b}?",
                                 "Find the remainder of {a} divided by {b}.",
                                 "What is left over when you divide {a} by {b}?",
                                 "Remainder of {e}?",
                                 "What is {a} mod {b}?",
                                 "{a} mod {b}?"};
constexpr Text kRemainderZh[] = {"{a}除以{b}的余数是多少？", "求{e}的余数。", "{a}除以{b}余几？"};
constexpr Text kRemainderJa[] = {"{a}を{b}で割った余りは？", "{e}の余りはいくつですか？",
                                 "{a}を{b}で割ると余りはいくつ？"};
constexpr Text kRemainderEs[] = {"¿Cuál es el resto de {e}?", "¿Cuánto sobra al dividir {a} entre {b}?",
                                 "Halla el resto de dividir {a} entre {b}."};

constexpr Text kQuotientKo[] = {"{a|을} {b|으로} 나눈 몫은?", "{a|을} {b|으로} 나눈 몫을 구하세요.",
                                "{e}의 몫은?", "{e}의 몫만 알려 줘.", "{a}에는 {b|이} 몇 번까지 들어가요?"};
constexpr Text kQuotientEn[] = {
    "What is the whole-number quotient of {e}?", "How many whole times does {b} go into {a}?",
    "Find the quotient of {a} divided by {b}, ignoring the remainder.",
    "How many full groups of {b} are in {a}?", "Quotient of {e}, without the remainder?"};
constexpr Text kQuotientZh[] = {"{a}除以{b}的商是多少（不管余数）？", "求{e}的商，不要余数。",
                                "{a}里面最多有几个{b}？"};
constexpr Text kQuotientJa[] = {"{a}を{b}で割った商は？", "{e}の商だけ教えてください。",
                                "{a}の中に{b}は何回入りますか？"};
constexpr Text kQuotientEs[] = {"¿Cuál es el cociente entero de {e}?",
                                "¿Cuántas veces completas cabe {b} en {a}?",
                                "Da solo el cociente de {a} entre {b}, sin el resto."};

constexpr Text kValueKo[] = {"{v}입니다.", "{v|이에요}.", "답은 {v}입니다.", "정답은 {v|이에요}.", "답: {v}"};
constexpr Text kValueEn[] = {"The answer is {v}.", "It is {v}.", "It's {v}.", "That makes {v}.",
                             "Answer: {v}"};
constexpr Text kValueZh[] = {"等于{v}。", "答案是{v}。", "结果是{v}。", "答：{v}"};
constexpr Text kValueJa[] = {"{v}です。", "答えは{v}です。", "{v}になります。", "答え：{v}"};
constexpr Text kValueEs[] = {"Es {v}.", "Da {v}.", "La respuesta es {v}.", "El resultado es {v}."};

constexpr Text kChoiceKo[] = {"{v}입니다.", "{v|이에요}.", "답은 {v}입니다.", "정답은 {v|이에요}.",
                              "답: {v}"};
constexpr Text kChoiceEn[] = {"The answer is {v}.", "It is {v}.", "It's {v}.", "Answer: {v}"};
constexpr Text kChoiceZh[] = {"是{v}。", "答案是{v}。", "答：{v}"};
constexpr Text kChoiceJa[] = {"{v}です。", "答えは{v}です。", "答え：{v}"};
constexpr Text kChoiceEs[] = {"Es {v}.", "La respuesta es {v}.", "Respuesta: {v}"};

constexpr Text kDivBothAnswerKo[] = {"몫 {q}, 나머지 {r}"};
constexpr Text kDivBothAnswerEn[] = {"{q} remainder {r}"};
constexpr Text kDivBothAnswerZh[] = {"商{q}余{r}"};
constexpr Text kDivBothAnswerJa[] = {"{q}あまり{r}"};
constexpr Text kDivBothAnswerEs[] = {"cociente {q}, resto {r}"};

constexpr Text kAddOpenKo[] = {"", "{a|와} {b|을} 더한다.", "일의 자리부터 더한다."};
constexpr Text kAddOpenEn[] = {"", "Add {a} and {b}.", "Add from the ones."};
constexpr Text kAddOpenZh[] = {"", "把{a}和{b}相加。", "从个位加起。"};
constexpr Text kAddOpenJa[] = {"", "{a}と{b}を足す。", "一の位から足す。"};
constexpr Text kAddOpenEs[] = {"", "Sumo {a} y {b}.", "Sumo desde las unidades."};
constexpr Text kSubOpenKo[] = {"", "{a}에서 {b|을} 뺀다.", "일의 자리부터 뺀다."};
constexpr Text kSubOpenEn[] = {"", "Subtract {b} from {a}.", "Subtract from the ones."};
constexpr Text kSubOpenZh[] = {"", "用{a}减去{b}。", "从个位减起。"};
constexpr Text kSubOpenJa[] = {"", "{a}から{b}を引く。", "一の位から引く。"};
constexpr Text kSubOpenEs[] = {"", "Resto {b} de {a}.", "Resto desde las unidades."};
constexpr Text kMulOpenKo[] = {"", "{a|와} {b|을} 곱한다.", "한 자리씩 곱한다."};
constexpr Text kMulOpenEn[] = {"", "Multiply {a} by {b}.", "Multiply digit by digit."};
constexpr Text kMulOpenZh[] = {"", "把{a}和{b}相乘。", "一位一位地乘。"};
constexpr Text kMulOpenJa[] = {"", "{a}に{b}をかける。", "一桁ずつかける。"};
constexpr Text kMulOpenEs[] = {"", "Multiplico {a} por {b}.", "Multiplico cifra a cifra."};
constexpr Text kDivOpenKo[] = {"", "{a|을} {b|으로} 나눈다.", "앞자리부터 나눈다."};
constexpr Text kDivOpenEn[] = {"", "Divide {a} by {b}.", "Divide from the left."};
constexpr Text kDivOpenZh[] = {"", "用{a}除以{b}。", "从高位除起。"};
constexpr Text kDivOpenJa[] = {"", "{a}を{b}で割る。", "上の位から割る。"};
constexpr Text kDivOpenEs[] = {"", "Divido {a} entre {b}.", "Divido desde la izquierda."};

constexpr Text kTimesFirstKo[] = {"", "곱셈과 나눗셈을 먼저 한다.", "곱셈, 나눗셈이 먼저다."};
constexpr Text kTimesFirstEn[] = {"", "Multiply and divide first.", "Products and quotients come first."};
constexpr Text kTimesFirstZh[] = {"", "先算乘除。"};
constexpr Text kTimesFirstJa[] = {"", "かけ算と割り算が先。"};
constexpr Text kTimesFirstEs[] = {"", "Primero los productos y divisiones."};
constexpr Text kBracketsKo[] = {"", "괄호부터 계산한다."};
constexpr Text kBracketsEn[] = {"", "Brackets first."};
constexpr Text kBracketsZh[] = {"", "先算括号里的。"};
constexpr Text kBracketsJa[] = {"", "かっこの中が先。"};
constexpr Text kBracketsEs[] = {"", "Primero el paréntesis."};
constexpr Text kLeftKo[] = {"", "왼쪽부터 차례로 계산한다."};
constexpr Text kLeftEn[] = {"", "From left to right."};
constexpr Text kLeftZh[] = {"", "从左到右计算。"};
constexpr Text kLeftJa[] = {"", "左から順に計算する。"};
constexpr Text kLeftEs[] = {"", "De izquierda a derecha."};
constexpr Text kDecimalKo[] = {"", "소수점 자리를 맞춘다."};
constexpr Text kDecimalEn[] = {"", "Line up the decimal points."};
constexpr Text kDecimalZh[] = {"", "对齐小数点。"};
constexpr Text kDecimalJa[] = {"", "小数点をそろえる。"};
constexpr Text kDecimalEs[] = {"", "Alineo los decimales."};
constexpr Text kQuotientIsKo[] = {"몫은 {q}"};
constexpr Text kQuotientIsEn[] = {"quotient {q}"};
constexpr Text kQuotientIsZh[] = {"商是{q}"};
constexpr Text kQuotientIsJa[] = {"商は{q}"};
constexpr Text kQuotientIsEs[] = {"cociente {q}"};
constexpr Text kRemainderIsKo[] = {"나머지는 {r}"};
constexpr Text kRemainderIsEn[] = {"remainder {r}"};
constexpr Text kRemainderIsZh[] = {"余数是{r}"};
constexpr Text kRemainderIsJa[] = {"余りは{r}"};
constexpr Text kRemainderIsEs[] = {"resto {r}"};

}  // namespace

const Patterns kExpressionQuestions{kExpressionKo, kExpressionEn, kExpressionZh, kExpressionJa,
                                    kExpressionEs};
const Patterns kAddQuestions{kAddKo, kAddEn, kAddZh, kAddJa, kAddEs};
const Patterns kSubQuestions{kSubKo, kSubEn, kSubZh, kSubJa, kSubEs};
const Patterns kDifferenceQuestions{kDifferenceKo, kDifferenceEn, kDifferenceZh, kDifferenceJa,
                                    kDifferenceEs};
const Patterns kMulQuestions{kMulKo, kMulEn, kMulZh, kMulJa, kMulEs};
const Patterns kDivQuestions{kDivKo, kDivEn, kDivZh, kDivJa, kDivEs};
const Patterns kDivBothQuestions{kDivBothKo, kDivBothEn, kDivBothZh, kDivBothJa, kDivBothEs};
const Patterns kRemainderQuestions{kRemainderKo, kRemainderEn, kRemainderZh, kRemainderJa, kRemainderEs};
const Patterns kQuotientQuestions{kQuotientKo, kQuotientEn, kQuotientZh, kQuotientJa, kQuotientEs};
const Patterns kValueAnswers{kValueKo, kValueEn, kValueZh, kValueJa, kValueEs};
const Patterns kChoiceAnswers{kChoiceKo, kChoiceEn, kChoiceZh, kChoiceJa, kChoiceEs};
const Patterns kDivBothAnswers{kDivBothAnswerKo, kDivBothAnswerEn, kDivBothAnswerZh, kDivBothAnswerJa,
                               kDivBothAnswerEs};
const Patterns kAddOpeners{kAddOpenKo, kAddOpenEn, kAddOpenZh, kAddOpenJa, kAddOpenEs};
const Patterns kSubOpeners{kSubOpenKo, kSubOpenEn, kSubOpenZh, kSubOpenJa, kSubOpenEs};
const Patterns kMulOpeners{kMulOpenKo, kMulOpenEn, kMulOpenZh, kMulOpenJa, kMulOpenEs};
const Patterns kDivOpeners{kDivOpenKo, kDivOpenEn, kDivOpenZh, kDivOpenJa, kDivOpenEs};
const Patterns kTimesFirst{kTimesFirstKo, kTimesFirstEn, kTimesFirstZh, kTimesFirstJa, kTimesFirstEs};
const Patterns kBracketsFirst{kBracketsKo, kBracketsEn, kBracketsZh, kBracketsJa, kBracketsEs};
const Patterns kLeftToRight{kLeftKo, kLeftEn, kLeftZh, kLeftJa, kLeftEs};
const Patterns kDecimalOpeners{kDecimalKo, kDecimalEn, kDecimalZh, kDecimalJa, kDecimalEs};
const Patterns kQuotientIs{kQuotientIsKo, kQuotientIsEn, kQuotientIsZh, kQuotientIsJa, kQuotientIsEs};
const Patterns kRemainderIs{kRemainderIsKo, kRemainderIsEn, kRemainderIsZh, kRemainderIsJa, kRemainderIsEs};

std::string value_answer(Dice& dice, Language language, std::string_view value, std::string_view expression) {
  const int64_t form = dice.between(1, 10);
  if (form <= 4) return std::string(value);
  if (form <= 6 && !expression.empty()) return std::string(expression) + " = " + std::string(value);
  const bool worked_out = expression.find_first_of("0123456789") != std::string_view::npos;
  return phrase(dice, language, worked_out ? kValueAnswers : kChoiceAnswers, {{"v", value}});
}

std::string trace_of(std::string_view opener, std::string_view steps) {
  std::string out(opener);
  if (!out.empty()) out += '\n';
  out += steps;
  return out;
}

}  // namespace jaju::data
