#include "data/synth/lexicon.h"

namespace jaju::data {

namespace {

using enum Kind;

constexpr std::string_view kNamesKo[] = {
    "민준이", "서준이", "도윤이", "예준이", "시우",   "하준이", "지호",   "주원이", "지후",   "준우",
    "도현이", "건우",   "우진이", "선우",   "서진이", "연우",   "유준이", "정우",   "승우",   "승현이",
    "시윤이", "은우",   "지환이", "한결이", "서연이", "서윤이", "지우",   "서현이", "하은이", "하윤이",
    "민서",   "지유",   "윤서",   "채원이", "수아",   "지민이", "지아",   "다은이", "은서",   "예은이",
    "수빈이", "소율이", "예린이", "지원이", "소윤이", "유나",   "가은이", "나연이", "영희",   "철수",
};
constexpr std::string_view kNamesEn[] = {
    "Tom",   "Emma",   "Liam",   "Olivia", "Noah",  "Ava",   "Ethan", "Sophia", "Mason", "Mia",
    "Lucas", "Amelia", "Jack",   "Ella",   "Leo",   "Grace", "Henry", "Chloe",  "Sam",   "Lily",
    "Ben",   "Zoe",    "Max",    "Ruby",   "Adam",  "Nora",  "Ryan",  "Hannah", "David", "Alice",
    "Peter", "Sarah",  "Daniel", "Julia",  "Oscar", "Anna",  "Kevin", "Maria",  "Paul",  "Kate",
    "Mark",  "Lucy",   "Jane",   "George", "Helen", "Frank", "Rosa",  "Amir",
};
constexpr std::string_view kNamesZh[] = {
    "小明", "小红", "小华", "小丽", "小刚", "小芳", "小军", "小兰", "小强", "小梅", "小东",
    "小雨", "小雪", "小林", "小美", "小杰", "小燕", "小龙", "小玲", "小宇", "小峰", "小云",
    "小伟", "小静", "小亮", "小敏", "小波", "小青", "乐乐", "欢欢", "天天", "丽丽", "明明",
    "亮亮", "佳佳", "婷婷", "浩浩", "芳芳", "军军", "萌萌", "小娟", "小新",
};
constexpr std::string_view kNamesJa[] = {
    "太郎さん",   "花子さん",   "健太さん",   "美咲さん", "翔太さん",   "陽菜さん",   "大輝さん",
    "さくらさん", "拓海さん",   "葵さん",     "蓮さん",   "結衣さん",   "悠斗さん",   "凛さん",
    "陽翔さん",   "美羽さん",   "湊さん",     "楓さん",   "直樹さん",   "愛さん",     "大和さん",
    "彩さん",     "和也さん",   "舞さん",     "達也さん", "真由さん",   "誠さん",     "由美さん",
    "亮さん",     "恵さん",     "隆さん",     "綾さん",   "学さん",     "奈々さん",   "剛さん",
    "春香さん",   "ゆうきさん", "みどりさん", "けんさん", "あきらさん", "ひかりさん",
};
constexpr std::string_view kNamesEs[] = {
    "Juan",   "María", "Pedro", "Lucía",  "Carlos", "Ana",     "Luis",   "Sofía",  "Miguel",
    "Laura",  "Pablo", "Elena", "Diego",  "Carmen", "Javier",  "Marta",  "Andrés", "Paula",
    "Sergio", "Clara", "Hugo",  "Julia",  "Mateo",  "Valeria", "Daniel", "Alba",   "Álvaro",
    "Sara",   "Jorge", "Irene", "Raúl",   "Rosa",   "Manuel",  "Nuria",  "Tomás",  "Inés",
    "Rubén",  "Eva",   "Óscar", "Teresa", "Mario",  "Silvia",
};

constexpr Thing kThingsKo[] = {
    {food, "사과", "", "개", false},
    // Apples twice: everybody asks about apples.
    {food, "사과", "", "개", false},
    {food, "귤", "", "개", false},
    {food, "사탕", "", "개", false},
    {food, "쿠키", "", "개", false},
    {food, "딸기", "", "개", false},
    {food, "빵", "", "개", false},
    {food, "만두", "", "개", false},
    {food, "초콜릿", "", "개", false},
    {food, "배", "", "개", false},
    {food, "복숭아", "", "개", false},
    {food, "감자", "", "개", false},
    {food, "고구마", "", "개", false},
    {food, "젤리", "", "개", false},
    {food, "달걀", "", "개", false},
    {food, "도넛", "", "개", false},
    {food, "감", "", "개", false},
    {food, "밤", "", "개", false},
    {food, "호두", "", "개", false},
    {food, "떡", "", "개", false},
    {food, "토마토", "", "개", false},
    {food, "피자", "", "조각", false},
    {food, "수박", "", "조각", false},
    {thing, "연필", "", "자루", false},
    {thing, "볼펜", "", "자루", false},
    {thing, "색연필", "", "자루", false},
    {thing, "공책", "", "권", false},
    {thing, "책", "", "권", false},
    {thing, "동화책", "", "권", false},
    {thing, "구슬", "", "개", false},
    {thing, "지우개", "", "개", false},
    {thing, "풍선", "", "개", false},
    {thing, "색종이", "", "장", false},
    {thing, "스티커", "", "장", false},
    {thing, "우표", "", "장", false},
    {thing, "엽서", "", "장", false},
    {thing, "카드", "", "장", false},
    {thing, "딱지", "", "장", false},
    {thing, "인형", "", "개", false},
    {thing, "블록", "", "개", false},
    {thing, "양말", "", "켤레", false},
    {thing, "컵", "", "개", false},
    {thing, "공", "", "개", false},
    {thing, "머리핀", "", "개", false},
    {thing, "우유", "", "병", false},
    {thing, "주스", "", "병", false},
    {thing, "물", "", "병", false},
    {flower, "장미", "", "송이", false},
    {flower, "튤립", "", "송이", false},
    {flower, "국화", "", "송이", false},
    {flower, "백합", "", "송이", false},
    {flower, "카네이션", "", "송이", false},
    {animal, "닭", "", "마리", false},
    {animal, "오리", "", "마리", false},
    {animal, "토끼", "", "마리", false},
    {animal, "고양이", "", "마리", false},
    {animal, "참새", "", "마리", false},
    {animal, "양", "", "마리", false},
    {animal, "염소", "", "마리", false},
    {animal, "비둘기", "", "마리", false},
    {animal, "병아리", "", "마리", false},
    {people, "학생", "", "명", false},
    {people, "어린이", "", "명", false},
    {people, "사람", "", "명", false},
    {people, "손님", "", "명", false},
    {people, "관광객", "", "명", false},
};
constexpr Thing kThingsEn[] = {
    {food, "apple", "apples", "", false},
    {food, "apple", "apples", "", false},
    {food, "orange", "oranges", "", false},
    {food, "cookie", "cookies", "", false},
    {food, "candy", "candies", "", false},
    {food, "pear", "pears", "", false},
    {food, "peach", "peaches", "", false},
    {food, "banana", "bananas", "", false},
    {food, "cherry", "cherries", "", false},
    {food, "strawberry", "strawberries", "", false},
    {food, "muffin", "muffins", "", false},
    {food, "donut", "donuts", "", false},
    {food, "grape", "grapes", "", false},
    {food, "egg", "eggs", "", false},
    {food, "plum", "plums", "", false},
    {food, "cupcake", "cupcakes", "", false},
    {food, "carrot", "carrots", "", false},
    {food, "tomato", "tomatoes", "", false},
    {food, "chocolate", "chocolates", "", false},
    {food, "nut", "nuts", "", false},
    {food, "sandwich", "sandwiches", "", false},
    {thing, "pencil", "pencils", "", false},
    {thing, "pen", "pens", "", false},
    {thing, "book", "books", "", false},
    {thing, "notebook", "notebooks", "", false},
    {thing, "marble", "marbles", "", false},
    {thing, "sticker", "stickers", "", false},
    {thing, "stamp", "stamps", "", false},
    {thing, "card", "cards", "", false},
    {thing, "ribbon", "ribbons", "", false},
    {thing, "balloon", "balloons", "", false},
    {thing, "toy car", "toy cars", "", false},
    {thing, "button", "buttons", "", false},
    {thing, "crayon", "crayons", "", false},
    {thing, "candle", "candles", "", false},
    {thing, "ball", "balls", "", false},
    {thing, "cup", "cups", "", false},
    {thing, "postcard", "postcards", "", false},
    {thing, "bead", "beads", "", false},
    {thing, "puzzle piece", "puzzle pieces", "", false},
    {flower, "rose", "roses", "", false},
    {flower, "tulip", "tulips", "", false},
    {flower, "daisy", "daisies", "", false},
    {flower, "lily", "lilies", "", false},
    {flower, "sunflower", "sunflowers", "", false},
    {animal, "chicken", "chickens", "", false},
    {animal, "duck", "ducks", "", false},
    {animal, "rabbit", "rabbits", "", false},
    {animal, "cat", "cats", "", false},
    {animal, "sparrow", "sparrows", "", false},
    {animal, "sheep", "sheep", "", false},
    {animal, "goat", "goats", "", false},
    {animal, "pigeon", "pigeons", "", false},
    {people, "student", "students", "", false},
    {people, "child", "children", "", false},
    {people, "person", "people", "", false},
    {people, "visitor", "visitors", "", false},
    {people, "tourist", "tourists", "", false},
};
constexpr Thing kThingsZh[] = {
    {food, "苹果", "", "个", false},    {food, "橘子", "", "个", false},
    {food, "桃子", "", "个", false},    {food, "梨", "", "个", false},
    {food, "鸡蛋", "", "个", false},    {food, "包子", "", "个", false},
    {food, "饺子", "", "个", false},    {food, "面包", "", "个", false},
    {food, "西红柿", "", "个", false},  {food, "草莓", "", "颗", false},
    {food, "糖", "", "颗", false},      {food, "葡萄", "", "颗", false},
    {food, "饼干", "", "块", false},    {food, "巧克力", "", "块", false},
    {food, "香蕉", "", "根", false},    {thing, "铅笔", "", "支", false},
    {thing, "钢笔", "", "支", false},   {thing, "彩笔", "", "支", false},
    {thing, "书", "", "本", false},     {thing, "本子", "", "个", false},
    {thing, "故事书", "", "本", false}, {thing, "邮票", "", "张", false},
    {thing, "贴纸", "", "张", false},   {thing, "卡片", "", "张", false},
    {thing, "明信片", "", "张", false}, {thing, "气球", "", "个", false},
    {thing, "玻璃球", "", "个", false}, {thing, "橡皮", "", "块", false},
    {thing, "杯子", "", "个", false},   {thing, "玩具车", "", "辆", false},
    {flower, "玫瑰", "", "朵", false},  {flower, "百合", "", "朵", false},
    {flower, "菊花", "", "朵", false},  {animal, "鸡", "", "只", false},
    {animal, "鸭子", "", "只", false},  {animal, "兔子", "", "只", false},
    {animal, "羊", "", "只", false},    {animal, "猫", "", "只", false},
    {animal, "麻雀", "", "只", false},  {animal, "鸽子", "", "只", false},
    {people, "学生", "", "名", false},  {people, "小朋友", "", "个", false},
    {people, "乘客", "", "名", false},  {people, "游客", "", "名", false},
};
constexpr Thing kThingsJa[] = {
    {food, "りんご", "", "個", false},
    {food, "みかん", "", "個", false},
    {food, "あめ", "", "個", false},
    {food, "クッキー", "", "枚", false},
    {food, "いちご", "", "個", false},
    {food, "パン", "", "個", false},
    {food, "たまご", "", "個", false},
    {food, "なし", "", "個", false},
    {food, "もも", "", "個", false},
    {food, "ドーナツ", "", "個", false},
    {food, "トマト", "", "個", false},
    {food, "おにぎり", "", "個", false},
    {food, "バナナ", "", "本", false},
    {food, "チョコレート", "", "個", false},
    {food, "せんべい", "", "枚", false},
    {thing, "えんぴつ", "", "本", false},
    {thing, "ペン", "", "本", false},
    {thing, "色えんぴつ", "", "本", false},
    {thing, "本", "", "冊", false},
    {thing, "ノート", "", "冊", false},
    {thing, "絵本", "", "冊", false},
    {thing, "折り紙", "", "枚", false},
    {thing, "シール", "", "枚", false},
    {thing, "切手", "", "枚", false},
    {thing, "カード", "", "枚", false},
    {thing, "はがき", "", "枚", false},
    {thing, "ビー玉", "", "個", false},
    {thing, "消しゴム", "", "個", false},
    {thing, "風船", "", "個", false},
    {thing, "ボール", "", "個", false},
    {thing, "コップ", "", "個", false},
    {flower, "バラ", "", "本", false},
    {flower, "チューリップ", "", "本", false},
    {flower, "ひまわり", "", "本", false},
    {animal, "にわとり", "", "羽", false},
    {animal, "うさぎ", "", "羽", false},
    {animal, "ねこ", "", "匹", false},
    {animal, "すずめ", "", "羽", false},
    {animal, "はと", "", "羽", false},
    {animal, "ひつじ", "", "頭", false},
    {animal, "やぎ", "", "頭", false},
    {people, "生徒", "", "人", false},
    {people, "子ども", "", "人", false},
    {people, "お客さん", "", "人", false},
    {people, "観光客", "", "人", false},
};
constexpr Thing kThingsEs[] = {
    {food, "manzana", "manzanas", "", true},
    {food, "naranja", "naranjas", "", true},
    {food, "galleta", "galletas", "", true},
    {food, "caramelo", "caramelos", "", false},
    {food, "pera", "peras", "", true},
    {food, "plátano", "plátanos", "", false},
    {food, "fresa", "fresas", "", true},
    {food, "huevo", "huevos", "", false},
    {food, "tomate", "tomates", "", false},
    {food, "melocotón", "melocotones", "", false},
    {food, "bombón", "bombones", "", false},
    {food, "uva", "uvas", "", true},
    {food, "nuez", "nueces", "", true},
    {food, "zanahoria", "zanahorias", "", true},
    {thing, "lápiz", "lápices", "", false},
    {thing, "bolígrafo", "bolígrafos", "", false},
    {thing, "libro", "libros", "", false},
    {thing, "cuaderno", "cuadernos", "", false},
    {thing, "canica", "canicas", "", true},
    {thing, "pegatina", "pegatinas", "", true},
    {thing, "sello", "sellos", "", false},
    {thing, "carta", "cartas", "", true},
    {thing, "cinta", "cintas", "", true},
    {thing, "globo", "globos", "", false},
    {thing, "pelota", "pelotas", "", true},
    {thing, "postal", "postales", "", true},
    {thing, "botón", "botones", "", false},
    {thing, "taza", "tazas", "", true},
    {flower, "rosa", "rosas", "", true},
    {flower, "tulipán", "tulipanes", "", false},
    {flower, "margarita", "margaritas", "", true},
    {flower, "clavel", "claveles", "", false},
    {animal, "gallina", "gallinas", "", true},
    {animal, "pato", "patos", "", false},
    {animal, "conejo", "conejos", "", false},
    {animal, "gato", "gatos", "", false},
    {animal, "oveja", "ovejas", "", true},
    {animal, "cabra", "cabras", "", true},
    {animal, "paloma", "palomas", "", true},
    {people, "alumno", "alumnos", "", false},
    {people, "niño", "niños", "", false},
    {people, "persona", "personas", "", true},
    {people, "visitante", "visitantes", "", false},
    {people, "turista", "turistas", "", false},
};

}  // namespace

std::span<const std::string_view> names(Language language) {
  switch (language) {
    case Language::ko:
      return kNamesKo;
    case Language::en:
      return kNamesEn;
    case Language::zh:
      return kNamesZh;
    case Language::ja:
      return kNamesJa;
    case Language::es:
      return kNamesEs;
  }
  return kNamesEn;
}

std::span<const Thing> things(Language language) {
  switch (language) {
    case Language::ko:
      return kThingsKo;
    case Language::en:
      return kThingsEn;
    case Language::zh:
      return kThingsZh;
    case Language::ja:
      return kThingsJa;
    case Language::es:
      return kThingsEs;
  }
  return kThingsEn;
}

std::string counted(Language language, int64_t count, const Thing& thing) {
  const std::string digits = std::to_string(count);
  switch (language) {
    case Language::ko:
      return std::string(thing.one) + " " + digits + thing.counter;
    case Language::zh:
      return digits + thing.counter + thing.one;
    case Language::ja:
      return std::string(thing.one) + digits + thing.counter;
    case Language::en:
    case Language::es:
      return digits + " " + (count == 1 ? thing.one : thing.many);
  }
  return digits;
}

}  // namespace jaju::data
