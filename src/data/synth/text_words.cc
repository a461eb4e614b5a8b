#include "data/synth/text_words.h"

#include <map>
#include <vector>

#include "base/check.h"

namespace jaju::data {
namespace {

using Bank = std::map<std::string_view, std::vector<std::string_view>>;

const Bank& bank(Language language) {
  static const Bank ko = {
      {"place", {"학교", "집",   "공원", "시장", "도서관", "병원", "역",   "바닷가", "놀이터", "가게",
                 "은행", "회사", "교실", "식당", "마당",   "텃밭", "서점", "빵집",   "우체국", "운동장"}},
      {"time", {"아침", "점심", "저녁", "오전", "오후", "밤", "새벽"}},
      {"color", {"빨간", "파란", "노란", "초록", "하얀", "검은", "분홍", "보라", "주황"}},
      {"weekday", {"월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"}},
      {"season", {"봄", "여름", "가을", "겨울"}},
      {"weather", {"맑습니다", "흐립니다", "덥습니다", "춥습니다", "시원합니다", "따뜻합니다"}},
      {"job",
       {"선생님", "의사", "요리사", "소방관", "농부", "가수", "화가", "기자", "간호사", "운전사", "과학자",
        "경찰관"}},
      {"subject", {"수학", "국어", "영어", "과학", "음악", "미술", "체육", "역사"}},
      {"hobby", {"축구", "수영", "독서", "그림 그리기", "노래", "등산", "요리", "산책", "바둑", "달리기"}},
      {"feeling",
       {"기뻤습니다", "즐거웠습니다", "뿌듯했습니다", "신났습니다", "행복했습니다", "편안했습니다"}},
      {"drink", {"물", "우유", "주스", "녹차", "보리차", "커피"}},
      {"animal", {"개", "고양이", "토끼", "새", "말", "소", "돼지", "오리", "거북이", "다람쥐"}},
      {"family", {"엄마", "아빠", "할머니", "할아버지", "형", "누나", "동생", "이모", "삼촌"}},
      {"vehicle", {"버스", "기차", "자전거", "자동차", "지하철", "택시"}},
  };
  static const Bank en = {
      {"place",
       {"school", "the park", "the market", "the library", "the station", "the beach", "the shop", "the bank",
        "the bakery", "the garden", "the farm", "the museum", "the office", "the post office", "the zoo"}},
      {"time", {"morning", "afternoon", "evening"}},
      {"color", {"red", "blue", "yellow", "green", "white", "black", "pink", "purple", "brown"}},
      {"weekday", {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}},
      {"season", {"spring", "summer", "autumn", "winter"}},
      {"weather", {"sunny", "cloudy", "hot", "cold", "cool", "warm", "windy"}},
      {"job",
       {"teacher", "doctor", "cook", "farmer", "singer", "painter", "nurse", "driver", "baker",
        "police officer"}},
      {"subject", {"math", "English", "science", "music", "art", "history", "sports"}},
      {"hobby",
       {"football", "swimming", "reading", "drawing", "singing", "hiking", "cooking", "chess", "running"}},
      {"feeling", {"happy", "glad", "proud", "excited", "calm", "pleased"}},
      {"drink", {"water", "milk", "juice", "tea", "coffee", "lemonade"}},
      {"animal", {"dog", "cat", "rabbit", "bird", "horse", "cow", "pig", "duck", "turtle", "squirrel"}},
      {"family", {"mother", "father", "grandmother", "grandfather", "brother", "sister", "aunt", "uncle"}},
      {"vehicle", {"bus", "train", "bike", "car", "taxi", "boat"}},
  };
  static const Bank zh = {
      {"place",
       {"学校", "公园", "市场", "图书馆", "医院", "车站", "海边", "商店", "银行", "公司", "面包店", "书店"}},
      {"time", {"早上", "中午", "下午", "晚上"}},
      {"color", {"红色", "蓝色", "黄色", "绿色", "白色", "黑色", "粉色"}},
      {"weekday", {"星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"}},
      {"season", {"春天", "夏天", "秋天", "冬天"}},
      {"weather", {"很晴朗", "是阴天", "很热", "很冷", "很凉快", "很暖和"}},
      {"job", {"老师", "医生", "厨师", "农民", "歌手", "画家", "护士", "司机"}},
      {"subject", {"数学", "语文", "英语", "科学", "音乐", "美术", "体育"}},
      {"hobby", {"踢足球", "游泳", "看书", "画画", "唱歌", "爬山", "做饭", "下棋", "跑步"}},
      {"feeling", {"很高兴", "很开心", "很自豪", "很兴奋", "很满意"}},
      {"drink", {"水", "牛奶", "果汁", "茶", "咖啡"}},
      {"animal", {"狗", "猫", "兔子", "鸟", "马", "牛", "猪", "鸭子"}},
      {"family", {"妈妈", "爸爸", "奶奶", "爷爷", "哥哥", "姐姐", "弟弟", "妹妹"}},
      {"vehicle", {"公交车", "火车", "出租车", "汽车", "地铁"}},
  };
  static const Bank ja = {
      {"place",
       {"学校", "公園", "市場", "図書館", "病院", "駅", "海", "お店", "銀行", "会社", "パン屋", "本屋"}},
      {"time", {"朝", "昼", "午後", "夕方", "夜"}},
      {"color", {"赤い", "青い", "黄色い", "白い", "黒い", "緑の", "ピンクの"}},
      {"weekday", {"月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"}},
      {"season", {"春", "夏", "秋", "冬"}},
      {"weather", {"晴れです", "くもりです", "暑いです", "寒いです", "涼しいです", "暖かいです"}},
      {"job", {"先生", "医者", "料理人", "農家", "歌手", "画家", "看護師", "運転手"}},
      {"subject", {"算数", "国語", "英語", "理科", "音楽", "美術", "体育"}},
      {"hobby", {"サッカー", "水泳", "読書", "絵をかくこと", "歌", "山登り", "料理", "将棋", "散歩"}},
      {"feeling", {"うれしくなりました", "楽しくなりました", "元気になりました", "ほっとしました"}},
      {"drink", {"水", "牛乳", "ジュース", "お茶", "コーヒー"}},
      {"animal", {"犬", "猫", "うさぎ", "鳥", "馬", "牛", "豚", "アヒル"}},
      {"family", {"母", "父", "祖母", "祖父", "兄", "姉", "弟", "妹"}},
      {"vehicle", {"バス", "電車", "自転車", "車", "地下鉄", "タクシー"}},
  };
  static const Bank es = {
      {"place",
       {"la escuela", "la biblioteca", "la estación", "la playa", "la tienda", "la panadería", "la oficina",
        "la granja", "la plaza", "la librería", "la casa de su abuela"}},
      {"time", {"la mañana", "la tarde", "la noche"}},
      {"color", {"gris", "blanco", "negro", "marrón"}},
      {"weekday", {"lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"}},
      {"season", {"la primavera", "el verano", "el otoño", "el invierno"}},
      {"weather", {"hace sol", "está nublado", "hace calor", "hace frío", "hace viento"}},
      {"job", {"cantante", "taxista", "dentista", "periodista", "policía", "artista"}},
      {"subject", {"matemáticas", "inglés", "ciencias", "música", "dibujo", "historia"}},
      {"hobby", {"nadar", "leer", "dibujar", "cantar", "cocinar", "correr", "pasear", "jugar al ajedrez"}},
      {"feeling", {"alegre", "feliz", "sonriente"}},
      {"drink", {"agua", "leche", "zumo", "limonada", "té"}},
      {"animal", {"perro", "gato", "conejo", "pájaro", "caballo", "cerdo", "pato"}},
      {"family", {"madre", "abuela", "hermana", "tía", "prima"}},
      {"vehicle", {"autobús", "tren", "coche", "metro", "taxi"}},
  };
  return choose<const Bank&>(language, ko, en, zh, ja, es);
}

constexpr std::string_view kHan[] = {"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"};

// tens and ones in Chinese characters or Hangul read alike: 十二, 二十, 십이, 이십.
std::string by_tens(int64_t n, std::span<const std::string_view> digits, std::string_view ten) {
  if (n < 10) return std::string(digits[static_cast<size_t>(n)]);
  std::string out = n >= 20 ? std::string(digits[static_cast<size_t>(n / 10)]) : "";
  out += ten;
  if (n % 10 != 0) out += digits[static_cast<size_t>(n % 10)];
  return out;
}

}  // namespace

std::span<const std::string_view> words_of(Language language, std::string_view category) {
  const Bank& words = bank(language);
  const auto it = words.find(category);
  if (it == words.end()) return {};
  return it->second;
}

std::string number_in_words(Language language, int64_t n) {
  JAJU_CHECK(n >= 0 && n < 100);
  const auto ones = static_cast<size_t>(n % 10);
  const auto tens = static_cast<size_t>(n / 10);
  switch (language) {
    case Language::ko: {
      static constexpr std::string_view digits[] = {"영", "일", "이", "삼", "사",
                                                    "오", "육", "칠", "팔", "구"};
      return by_tens(n, digits, "십");
    }
    case Language::zh:
      return by_tens(n, kHan, "十");
    case Language::ja: {
      if (n == 0) return "ゼロ";
      return by_tens(n, kHan, "十");
    }
    case Language::en: {
      static constexpr std::string_view small[] = {"zero",    "one",     "two",       "three",    "four",
                                                   "five",    "six",     "seven",     "eight",    "nine",
                                                   "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                                   "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
      static constexpr std::string_view round[] = {"",      "",      "twenty",  "thirty", "forty",
                                                   "fifty", "sixty", "seventy", "eighty", "ninety"};
      if (n < 20) return std::string(small[n]);
      return std::string(round[tens]) + (ones == 0 ? "" : "-" + std::string(small[ones]));
    }
    case Language::es: {
      static constexpr std::string_view small[] = {
          "cero",         "uno",         "dos",        "tres",        "cuatro",     "cinco",
          "seis",         "siete",       "ocho",       "nueve",       "diez",       "once",
          "doce",         "trece",       "catorce",    "quince",      "dieciséis",  "diecisiete",
          "dieciocho",    "diecinueve",  "veinte",     "veintiuno",   "veintidós",  "veintitrés",
          "veinticuatro", "veinticinco", "veintiséis", "veintisiete", "veintiocho", "veintinueve"};
      static constexpr std::string_view round[] = {"",          "",        "",        "treinta", "cuarenta",
                                                   "cincuenta", "sesenta", "setenta", "ochenta", "noventa"};
      if (n < 30) return std::string(small[n]);
      return std::string(round[tens]) + (ones == 0 ? "" : " y " + std::string(small[ones]));
    }
  }
  return "";
}

std::string native_number(int64_t n, bool before_counter) {
  JAJU_CHECK(n >= 1 && n < 100);
  static constexpr std::string_view tens[] = {"",   "열",   "스물", "서른", "마흔",
                                              "쉰", "예순", "일흔", "여든", "아흔"};
  static constexpr std::string_view ones[] = {"",     "하나", "둘",   "셋",   "넷",
                                              "다섯", "여섯", "일곱", "여덟", "아홉"};
  static constexpr std::string_view short_ones[] = {"",     "한",   "두",   "세",   "네",
                                                    "다섯", "여섯", "일곱", "여덟", "아홉"};
  if (before_counter && n == 20) return "스무";
  return std::string(tens[n / 10]) + std::string((before_counter ? short_ones : ones)[n % 10]);
}

}  // namespace jaju::data
