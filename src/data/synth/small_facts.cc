#include "data/synth/small_facts.h"

namespace jaju::data {
namespace {

constexpr FiveWords kWords[] = {
    {"사과", "apple", "苹果", "りんご", "manzana"},
    {"바나나", "banana", "香蕉", "バナナ", "plátano"},
    {"물", "water", "水", "水", "agua"},
    {"빵", "bread", "面包", "パン", "pan"},
    {"우유", "milk", "牛奶", "牛乳", "leche"},
    {"책", "book", "书", "本", "libro"},
    {"연필", "pencil", "铅笔", "鉛筆", "lápiz"},
    {"집", "house", "房子", "家", "casa"},
    {"학교", "school", "学校", "学校", "escuela"},
    {"친구", "friend", "朋友", "友達", "amigo"},
    {"개", "dog", "狗", "犬", "perro"},
    {"고양이", "cat", "猫", "猫", "gato"},
    {"새", "bird", "鸟", "鳥", "pájaro"},
    {"물고기", "fish", "鱼", "魚", "pez"},
    {"꽃", "flower", "花", "花", "flor"},
    {"나무", "tree", "树", "木", "árbol"},
    {"산", "mountain", "山", "山", "montaña"},
    {"바다", "sea", "海", "海", "mar"},
    {"하늘", "sky", "天空", "空", "cielo"},
    {"해", "sun", "太阳", "太陽", "sol"},
    {"달", "moon", "月亮", "月", "luna"},
    {"별", "star", "星星", "星", "estrella"},
    {"비", "rain", "雨", "雨", "lluvia"},
    {"눈", "snow", "雪", "雪", "nieve"},
    {"바람", "wind", "风", "風", "viento"},
    {"불", "fire", "火", "火", "fuego"},
    {"시간", "time", "时间", "時間", "tiempo"},
    {"돈", "money", "钱", "お金", "dinero"},
    {"손", "hand", "手", "手", "mano"},
    {"발", "foot", "脚", "足", "pie"},
    {"머리", "head", "头", "頭", "cabeza"},
    {"의자", "chair", "椅子", "椅子", "silla"},
    {"문", "door", "门", "ドア", "puerta"},
    {"창문", "window", "窗户", "窓", "ventana"},
    {"자동차", "car", "汽车", "車", "coche"},
    {"기차", "train", "火车", "電車", "tren"},
    {"길", "road", "路", "道", "camino"},
    {"도시", "city", "城市", "都市", "ciudad"},
    {"나라", "country", "国家", "国", "país"},
    {"이름", "name", "名字", "名前", "nombre"},
    {"하나", "one", "一", "一", "uno"},
    {"둘", "two", "二", "二", "dos"},
    {"셋", "three", "三", "三", "tres"},
    {"넷", "four", "四", "四", "cuatro"},
    {"다섯", "five", "五", "五", "cinco"},
    {"빨간색", "red", "红色", "赤", "rojo"},
    {"파란색", "blue", "蓝色", "青", "azul"},
    {"초록색", "green", "绿色", "緑", "verde"},
    {"노란색", "yellow", "黄色", "黄色", "amarillo"},
    {"하얀색", "white", "白色", "白", "blanco"},
    {"검은색", "black", "黑色", "黒", "negro"},
    {"엄마", "mother", "妈妈", "母", "madre"},
    {"아빠", "father", "爸爸", "父", "padre"},
    {"아이", "child", "孩子", "子供", "niño"},
    {"선생님", "teacher", "老师", "先生", "maestro"},
    {"숫자", "number", "数字", "数字", "número"},
    {"오늘", "today", "今天", "今日", "hoy"},
    {"내일", "tomorrow", "明天", "明日", "mañana"},
    {"어제", "yesterday", "昨天", "昨日", "ayer"},
    {"아침", "morning", "早上", "朝", "la mañana"},
};

constexpr Capital kCapitals[] = {
    {{"한국", "South Korea", "韩国", "韓国", "Corea del Sur"}, {"서울", "Seoul", "首尔", "ソウル", "Seúl"}},
    {{"일본", "Japan", "日本", "日本", "Japón"}, {"도쿄", "Tokyo", "东京", "東京", "Tokio"}},
    {{"중국", "China", "中国", "中国", "China"}, {"베이징", "Beijing", "北京", "北京", "Pekín"}},
    {{"프랑스", "France", "法国", "フランス", "Francia"}, {"파리", "Paris", "巴黎", "パリ", "París"}},
    {{"영국", "the United Kingdom", "英国", "イギリス", "el Reino Unido"},
     {"런던", "London", "伦敦", "ロンドン", "Londres"}},
    {{"독일", "Germany", "德国", "ドイツ", "Alemania"}, {"베를린", "Berlin", "柏林", "ベルリン", "Berlín"}},
    {{"스페인", "Spain", "西班牙", "スペイン", "España"},
     {"마드리드", "Madrid", "马德里", "マドリード", "Madrid"}},
    {{"이탈리아", "Italy", "意大利", "イタリア", "Italia"}, {"로마", "Rome", "罗马", "ローマ", "Roma"}},
    {{"포르투갈", "Portugal", "葡萄牙", "ポルトガル", "Portugal"},
     {"리스본", "Lisbon", "里斯本", "リスボン", "Lisboa"}},
    {{"러시아", "Russia", "俄罗斯", "ロシア", "Rusia"},
     {"모스크바", "Moscow", "莫斯科", "モスクワ", "Moscú"}},
    {{"미국", "the United States", "美国", "アメリカ", "Estados Unidos"},
     {"워싱턴", "Washington", "华盛顿", "ワシントン", "Washington"}},
    {{"캐나다", "Canada", "加拿大", "カナダ", "Canadá"}, {"오타와", "Ottawa", "渥太华", "オタワ", "Ottawa"}},
    {{"멕시코", "Mexico", "墨西哥", "メキシコ", "México"},
     {"멕시코시티", "Mexico City", "墨西哥城", "メキシコシティ", "Ciudad de México"}},
    {{"페루", "Peru", "秘鲁", "ペルー", "Perú"}, {"리마", "Lima", "利马", "リマ", "Lima"}},
    {{"태국", "Thailand", "泰国", "タイ", "Tailandia"}, {"방콕", "Bangkok", "曼谷", "バンコク", "Bangkok"}},
    {{"베트남", "Vietnam", "越南", "ベトナム", "Vietnam"}, {"하노이", "Hanoi", "河内", "ハノイ", "Hanói"}},
    {{"이집트", "Egypt", "埃及", "エジプト", "Egipto"}, {"카이로", "Cairo", "开罗", "カイロ", "El Cairo"}},
    {{"그리스", "Greece", "希腊", "ギリシャ", "Grecia"}, {"아테네", "Athens", "雅典", "アテネ", "Atenas"}},
    {{"호주", "Australia", "澳大利亚", "オーストラリア", "Australia"},
     {"캔버라", "Canberra", "堪培拉", "キャンベラ", "Canberra"}},
    {{"쿠바", "Cuba", "古巴", "キューバ", "Cuba"}, {"아바나", "Havana", "哈瓦那", "ハバナ", "La Habana"}},
    {{"칠레", "Chile", "智利", "チリ", "Chile"},
     {"산티아고", "Santiago", "圣地亚哥", "サンティアゴ", "Santiago"}},
    {{"몽골", "Mongolia", "蒙古", "モンゴル", "Mongolia"},
     {"울란바토르", "Ulaanbaatar", "乌兰巴托", "ウランバートル", "Ulán Bator"}},
};

constexpr Opposite kOpposites[] = {
    {{"크다", "big", "大", "大きい", "grande"}, {"작다", "small", "小", "小さい", "pequeño"}},
    {{"많다", "many", "多", "多い", "mucho"}, {"적다", "few", "少", "少ない", "poco"}},
    {{"길다", "long", "长", "長い", "largo"}, {"짧다", "short", "短", "短い", "corto"}},
    {{"높다", "high", "高", "高い", "alto"}, {"낮다", "low", "低", "低い", "bajo"}},
    {{"빠르다", "fast", "快", "速い", "rápido"}, {"느리다", "slow", "慢", "遅い", "lento"}},
    {{"덥다", "hot", "热", "暑い", "caliente"}, {"춥다", "cold", "冷", "寒い", "frío"}},
    {{"무겁다", "heavy", "重", "重い", "pesado"}, {"가볍다", "light", "轻", "軽い", "ligero"}},
    {{"밝다", "bright", "亮", "明るい", "claro"}, {"어둡다", "dark", "暗", "暗い", "oscuro"}},
    {{"쉽다", "easy", "容易", "易しい", "fácil"}, {"어렵다", "difficult", "难", "難しい", "difícil"}},
    {{"좋다", "good", "好", "良い", "bueno"}, {"나쁘다", "bad", "坏", "悪い", "malo"}},
    {{"위", "up", "上", "上", "arriba"}, {"아래", "down", "下", "下", "abajo"}},
    {{"앞", "front", "前", "前", "delante"}, {"뒤", "back", "后", "後ろ", "detrás"}},
    {{"왼쪽", "left", "左", "左", "izquierda"}, {"오른쪽", "right", "右", "右", "derecha"}},
    {{"안", "inside", "里", "中", "dentro"}, {"밖", "outside", "外", "外", "fuera"}},
    {{"낮", "day", "白天", "昼", "día"}, {"밤", "night", "夜晚", "夜", "noche"}},
    {{"열다", "open", "开", "開ける", "abrir"}, {"닫다", "close", "关", "閉める", "cerrar"}},
    {{"사다", "buy", "买", "買う", "comprar"}, {"팔다", "sell", "卖", "売る", "vender"}},
    {{"가다", "go", "去", "行く", "ir"}, {"오다", "come", "来", "来る", "venir"}},
    {{"처음", "beginning", "开始", "始まり", "principio"}, {"끝", "end", "结束", "終わり", "fin"}},
    {{"참", "true", "真", "真", "verdadero"}, {"거짓", "false", "假", "偽", "falso"}},
    {{"더하기", "plus", "加", "足す", "más"}, {"빼기", "minus", "减", "引く", "menos"}},
    {{"넓다", "wide", "宽", "広い", "ancho"}, {"좁다", "narrow", "窄", "狭い", "estrecho"}},
};

constexpr Coloured kColoured[] = {
    {{"바나나", "a banana", "香蕉", "バナナ", "un plátano"},
     {"노란색", "Yellow", "黄色", "黄色", "amarillo"}},
    {{"하늘", "the sky", "天空", "空", "el cielo"}, {"파란색", "Blue", "蓝色", "青", "azul"}},
    {{"눈", "snow", "雪", "雪", "la nieve"}, {"하얀색", "White", "白色", "白", "blanco"}},
    {{"풀", "grass", "草", "草", "la hierba"}, {"초록색", "Green", "绿色", "緑", "verde"}},
    {{"피", "blood", "血", "血", "la sangre"}, {"빨간색", "Red", "红色", "赤", "rojo"}},
    {{"숯", "coal", "煤", "炭", "el carbón"}, {"검은색", "Black", "黑色", "黒", "negro"}},
    {{"딸기", "a strawberry", "草莓", "いちご", "una fresa"}, {"빨간색", "Red", "红色", "赤", "rojo"}},
    {{"레몬", "a lemon", "柠檬", "レモン", "un limón"}, {"노란색", "Yellow", "黄色", "黄色", "amarillo"}},
    {{"우유", "milk", "牛奶", "牛乳", "la leche"}, {"하얀색", "White", "白色", "白", "blanco"}},
    {{"당근", "a carrot", "胡萝卜", "にんじん", "una zanahoria"},
     {"주황색", "Orange", "橙色", "オレンジ色", "naranja"}},
    {{"까마귀", "a crow", "乌鸦", "カラス", "un cuervo"}, {"검은색", "Black", "黑色", "黒", "negro"}},
    {{"오이", "a cucumber", "黄瓜", "きゅうり", "un pepino"}, {"초록색", "Green", "绿色", "緑", "verde"}},
};

constexpr Legged kLegged[] = {
    {{"개", "dog", "狗", "犬", "un perro"}, 4},
    {{"고양이", "cat", "猫", "猫", "un gato"}, 4},
    {{"닭", "chicken", "鸡", "鶏", "una gallina"}, 2},
    {{"오리", "duck", "鸭子", "アヒル", "un pato"}, 2},
    {{"소", "cow", "牛", "牛", "una vaca"}, 4},
    {{"말", "horse", "马", "馬", "un caballo"}, 4},
    {{"개미", "ant", "蚂蚁", "アリ", "una hormiga"}, 6},
    {{"거미", "spider", "蜘蛛", "クモ", "una araña"}, 8},
    {{"벌", "bee", "蜜蜂", "ハチ", "una abeja"}, 6},
    {{"뱀", "snake", "蛇", "ヘビ", "una serpiente"}, 0},
    {{"토끼", "rabbit", "兔子", "うさぎ", "un conejo"}, 4},
    {{"참새", "sparrow", "麻雀", "すずめ", "un gorrión"}, 2},
};

}  // namespace

std::span<const FiveWords> common_words() {
  return kWords;
}
std::span<const Capital> capitals() {
  return kCapitals;
}
std::span<const Opposite> opposites() {
  return kOpposites;
}
std::span<const Coloured> coloured_things() {
  return kColoured;
}
std::span<const Legged> legged_animals() {
  return kLegged;
}

}  // namespace jaju::data
