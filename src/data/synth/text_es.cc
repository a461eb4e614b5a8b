#include "data/synth/text.h"

namespace jaju::data {
namespace {

constexpr std::string_view kSkeletons[] = {
    "{A} contó hasta {w:a}. El número {w:a} se escribe {a=3-60}. Después viene el {=a+1}, y antes está el "
    "{=a-1}.",
    "{A} tenía {T:a} y recibió {T:b} más. {a=2-15} más {b=2-9} son {=a+b}, así que ahora tiene {T:a+b}.",
    "En una caja había {F:a}. {A} sacó {F:b}. {a=11-20} menos {b=2-9} son {=a-b}, así que quedan {F:a-b} en "
    "la caja.",
    "Sumar es juntar y restar es quitar. {a=2-9} más {b=2-9} son {=a+b}, y {=a+b} menos {b} son otra vez "
    "{a}.",
    "Multiplicar es sumar varias veces el mismo número. Tres veces {a=2-9} es {a}+{a}+{a}={=a*3}, lo mismo "
    "que "
    "{a}*3={=a*3}.",
    "Dividir es repartir en partes iguales. {=a*4} entre 4 son {a=2-9}, porque 4 por {a} son {=a*4}.",
    "Un número par se puede dividir entre 2 sin que sobre nada. En un número impar sobra 1. {=a*2} es par y "
    "{=a*2+1} es "
    "impar. {a=2-20} veces 2 son {=a*2}.",
    "Para comparar dos números se mira primero cuántas cifras tienen. Si tienen las mismas, se comparan "
    "desde la izquierda. "
    "{=a+b} es mayor que {a=20-60} en {b=2-30}.",
    "La multiplicación va antes que la suma. En {a=1-9}+{b=2-9}*{c=2-5} primero se calcula {b}*{c}={=b*c} y "
    "después "
    "{a}+{=b*c}.",
    "Una hora tiene 60 minutos y un minuto tiene 60 segundos. {a=2-9} horas son {=a*60} minutos. Un día "
    "tiene 24 horas.",
    "La semana tiene siete días: lunes, martes, miércoles, jueves, viernes, sábado y domingo. {a=2-4} "
    "semanas son {=a*7} "
    "días.",
    "El año tiene doce meses. Enero tiene 31 días, abril tiene 30 y febrero suele tener 28. Un año bisiesto "
    "tiene 366 días.",
    "Un metro son 100 centímetros. {a=2-9} metros son {a}00 centímetros. Un kilómetro son 1000 metros.",
    "Un kilo son 1000 gramos, así que {a=2-9} kilos son {a}000 gramos. Un litro son 1000 mililitros.",
    "El {weekday} por {time} {A} fue a {place}. Allí encontró a {B} y hablaron durante {a=2-4} horas. {A} "
    "volvió a casa muy "
    "{feeling}.",
    "{A} quiere ser {job} algún día. Por eso estudia {subject} todos los días. Su {family} le ayuda siempre.",
    "A {A} le gusta {hobby} y a {B} le gusta {hobby2}. Cada {weekday} se ven y pasan un buen rato.",
    "{A} tiene {=a+b} años y {B} tiene {b=6-12}. {A} tiene {a=2-9} años más que {B}. La diferencia es "
    "siempre la misma.",
    "En la carrera {A} llegó en primer lugar, {B} en segundo y {C} en tercero. {A} corre más que {B}, y {B} "
    "corre más que "
    "{C}. Por eso {A} corre más que nadie.",
    "En el estanque hay {a=2-9} patos. Llegan {b=2-9} más y ahora hay {=a+b} patos.",
    "Un melón cuesta {a=2-9} euros. {A} compra {b=2-5} melones y paga {=a*b} euros.",
    "Si algo cuesta {a=2-8} euros y pagas con 10, te devuelven 10 menos {a}, es decir, {=10-a}. Eso se llama "
    "cambio.",
    "A: Hola, ¿tiene manzanas?\nB: Sí, ¿cuántas quiere?\nA: Quiero {a=2-9}.\nB: Aquí tiene, {a} manzanas. "
    "Gracias.",
    "A: ¿Qué hora es?\nB: Son las {a=2-12} y {b=10-29}.\nA: ¿Ya? Tengo que irme.\nB: Tranquilo, hay tiempo.",
    "A: ¿Cuánto es {a=2-9} más {b=2-9}?\nB: Son {=a+b}.\nA: ¿Y {a} por {b}?\nB: Son {=a*b}.",
    "Cómo hacer té: primero se calienta el agua, después se pone el té en una taza y se echa el agua. Se "
    "espera {a=3-5} "
    "minutos y ya está listo.",
    "Cómo resolver un problema: primero se lee hasta el final, luego se escriben los números, después se "
    "hace la cuenta y al "
    "final se comprueba la respuesta.",
    "Una variable es un nombre para un valor. En Python, x = {a=2-20} da el nombre x al {a}. Después, "
    "print(x) muestra {a}.",
    "range({a=3-6}) da los números del 0 al {=a-1}. Un bucle for ejecuta sus líneas una vez por número, {a} "
    "veces en total.",
    "Una lista guarda valores en orden. En [{a=1-9}, {b=1-9}, {c=1-9}] el elemento 0 es {a}, el 1 es {b} y "
    "el 2 es {c}.",
    "Hoy {weather}. {A} va en {vehicle} a {place} y toma un vaso de {drink}. Al lado duerme un {animal} "
    "{color}.",
};

}  // namespace

std::span<const std::string_view> text_skeletons_es() {
  return kSkeletons;
}

}  // namespace jaju::data
