// Spanish word problems. {cuantos} and {Cuantos} agree with the thing, {s} with the result.
#include "data/synth/story.h"

namespace jaju::data {

namespace {

using enum Shape;

#define LEFT "[¿{Cuantos} {o} quedan?|¿{Cuantos} quedan?|¿{Cuantos} {o} hay ahora?]"
#define SHE_LEFT "[¿{Cuantos} {o} le quedan?|¿{Cuantos} {o} tiene ahora?|¿{Cuantos} le quedan a {n}?]"
#define SHE_NOW "[¿{Cuantos} {o} tiene ahora?|¿{Cuantos} {o} tiene en total?|¿{Cuantos} son en total?]"
#define NOW "[¿{Cuantos} {o} hay ahora?|¿{Cuantos} {o} hay en total?|¿{Cuantos} son en total?]"

constexpr Story kGiveTake[] = {
    {sub, "fS", "{n} tiene {A} y se come {b}.~ " SHE_LEFT, "Al principio {a}, se come {b}."},
    {sub, "fS", "Si tengo {A} y me como {b}, ¿{cuantos} [{o} |]me quedan?", "Al principio {a}, se come {b}."},
    {sub, "fS", "Hay {A} en [la mesa|el plato|la cesta].~ {n} se come {b}. " LEFT,
     "Al principio {a}, se come {b}."},
    {sub, "ftw", "{n} tiene {A} y le da {b} a {n2}.~ " SHE_LEFT, "Al principio {a}, da {b}."},
    {sub, "ftw", "{n} tenía {A}.~ Regaló {b} a [un amigo|su hermana|sus vecinos]. " SHE_LEFT,
     "Al principio {a}, da {b}."},
    {sub, "t", "{n} tenía {A}, pero perdió {b}.~ " SHE_LEFT, "Al principio {a}, pierde {b}."},
    {sub, "ftwB", "En una tienda había {A}.~ [Hoy|Por la mañana] se vendieron {b}. " LEFT,
     "Al principio {a}, vende {b}."},
    {sub, "p",
     "Había {A} [en el autobús|en el parque|en la biblioteca|en la sala].~ Después, {b} se fueron. " LEFT,
     "Al principio {a}, se van {b}."},
    {sub, "a", "Había {A} [en la granja|en el campo|en el corral].~ Después, {b} se fueron. " LEFT,
     "Al principio {a}, se van {b}."},
    {sub, "ftw", "{n2} tiene {A} y {n} tiene {b}.~ ¿{Cuantos} {o} más tiene {n2} que {n}?",
     "{n2} {a}, {n} {b}. Diferencia."},
    {sub, "ftw", "{n} tiene {A}.~ {n2} tiene {b} menos. ¿{Cuantos} {o} tiene {n2}?",
     "{n} {a}, {n2} {b} menos."},
    {add, "ftw", "{n} tiene {A} y compra {b} más.~ " SHE_NOW, "Al principio {a}, recibe {b}."},
    {add, "ftw", "{n} tenía {A}.~ [{n2}|Su abuela|Un amigo] le dio {b} más. " SHE_NOW,
     "Al principio {a}, recibe {b}."},
    {add, "ftw", "{n} tiene {A} y {n2} tiene {b}.~ ¿{Cuantos} {o} tienen entre los dos?",
     "{n} {a}, {n2} {b}. Suma."},
    {add, "ftw", "{n} tiene {A}.~ {n2} tiene {b} más que {n}. ¿{Cuantos} {o} tiene {n2}?",
     "{n} {a}, {n2} {b} más."},
    {add, "p", "Había {A} [en el autobús|en el museo|en la sala].~ Después llegaron {b} más. " NOW,
     "Al principio {a}, llegan {b}."},
    {add, "a", "Había {A} [en la granja|en el campo|en el corral].~ Después llegaron {b} más. " NOW,
     "Al principio {a}, llegan {b}."},
    {add, "ftwB", "Una tienda vendió {A} por la mañana y {b} por la tarde.~ ¿{Cuantos} {o} vendió en total?",
     "Primero {a}, luego {b}. Suma."},
};
constexpr Story kGroups[] = {
    {mul, "ft", "Hay {a} [cajas|bolsas|cestas] con {B} cada una.~ ¿{Cuantos} {o} hay en total?",
     "{a} grupos de {b}."},
    {mul, "ftw", "{a} niños tienen {B} cada uno.~ ¿{Cuantos} {o} tienen en total?", "{a} grupos de {b}."},
    {mul, "ftw", "{n} [reúne|compra] {B} cada día.~ ¿{Cuantos} {o} son en {a} días?",
     "{b} al día, {a} días."},
    {mul, "p", "Hay {a} filas de {B}.~ ¿{Cuantos} {o} hay en total?", "{a} filas de {b}."},
    {mul, "ftw", "{n} tiene {B}. {n2} tiene {a} veces más.~ ¿{Cuantos} {o} tiene {n2}?", "{a} veces {b}."},
    {mul, "f", "{n} pone {B} en cada uno de {a} platos.~ ¿{Cuantos} {o} son en total?", "{a} platos de {b}."},
    {mul, "ftB", "Una fábrica hace {B} por hora.~ ¿{Cuantos} {o} hace en {a} horas?",
     "{b} por hora, {a} horas."},
};
constexpr Story kShare[] = {
    {div, "ftw", "{b} amigos se reparten {A} en partes iguales.~ ¿{Cuantos} {o} recibe cada uno?",
     "{a} entre {b}."},
    {div, "ftw", "{n} reparte {A} entre {b} niños por igual.~ ¿{Cuantos} {o} recibe cada niño?",
     "{a} entre {b}."},
    {div, "ft", "{n} pone {A} en bolsas de {b}.~ ¿Cuántas bolsas son?", "{a} en grupos de {b}.",
     "{r} bolsa{s}."},
    {div, "p", "{A} forman {b} filas iguales.~ ¿{Cuantos} {o} hay en cada fila?", "{a} en {b} filas."},
    {div, "f", "{n} tiene {A} y come {b} al día.~ ¿Para cuántos días alcanzan?", "{a} en grupos de {b}.",
     "{r} día{s}."},
    {rem, "ftw", "{n} reparte {A} por igual entre {b} amigos.~ ¿{Cuantos} {o} sobran?",
     "{a} entre {b}, el resto."},
    {rem, "ft", "Se ponen {A} en bolsas de {b}.~ ¿{Cuantos} {o} sobran?", "{a} en grupos de {b}, el resto."},
};
constexpr Story kSeveral[] = {
    {add_sub, "f", "{n} tiene {A}, compra {b} más y se come {c}.~ " SHE_LEFT,
     "Al principio {a}, compra {b}, come {c}."},
    {add_sub, "p",
     "En el autobús había {A}.~ Subieron {b} y bajaron {c}. ¿{Cuantos} {o} hay ahora en el autobús?",
     "Al principio {a}, suben {b}, bajan {c}."},
    {sub_add, "p", "En el tren había {A}.~ Bajaron {b} y subieron {c}. ¿{Cuantos} {o} hay ahora en el tren?",
     "Al principio {a}, bajan {b}, suben {c}."},
    {sub_add, "ftw", "{n} tenía {A}, le dio {b} a {n2} y recibió {c}.~ " SHE_NOW,
     "Al principio {a}, da {b}, recibe {c}."},
    {sub_sub, "f", "{n} tenía {A}.~ Se comió {b} ayer y {c} hoy. " SHE_LEFT,
     "Al principio {a}, come {b}, luego {c}."},
    {sub_sub, "ftwB", "En una tienda había {A}.~ Se vendieron {b} por la mañana y {c} por la tarde. " LEFT,
     "Al principio {a}, vende {b}, luego {c}."},
    {add_add, "ftw",
     "{n} encontró {A} el lunes, {b} el martes y {c} el miércoles.~ ¿{Cuantos} {o} encontró en total?",
     "Suma de {a}, {b} y {c}."},
    {mul_add, "ft", "{n} tiene {a} cajas de {B} y {C} más.~ ¿{Cuantos} {o} tiene en total?",
     "{a} grupos de {b}, y {c}."},
    {mul_sub, "ft", "Hay {a} cajas de {B} y se venden {C}.~ " LEFT, "{a} grupos de {b}, vende {c}."},
    {mul_div, "ft", "{c} amigos se reparten por igual {a} cajas de {B}.~ ¿{Cuantos} {o} recibe cada uno?",
     "{a} cajas de {b}, entre {c}."},
    {sub_div, "ftw",
     "{n} tenía {A}, regaló {b} y repartió el resto por igual entre {c} amigos.~ ¿{Cuantos} {o} recibió cada "
     "amigo?",
     "Al principio {a}, da {b}, entre {c}."},
    {add_div, "ftw",
     "{n} tiene {A} y {n2} tiene {b}.~ Lo juntan todo y lo reparten entre {c} niños. ¿{Cuantos} {o} recibe "
     "cada niño?",
     "{a} y {b} juntos, entre {c}."},
    {pay, "ftw", "{n} tenía {A} y dio {b} a cada uno de sus {c} amigos.~ " SHE_LEFT,
     "Al principio {a}, {b} a cada uno de {c}."},
    {mul_mul_add, "ft", "Hay {a} cajas de {B} y {c} cajas de {D}. ¿{Cuantos} {o} hay en total?",
     "{a} cajas de {b}, {c} cajas de {d}."},
};
#define COST "[¿Cuánto cuesta todo?|¿Cuánto es en total?|¿Cuánto paga?|¿Cuánto dinero es?]"
#define CHANGE "[¿Cuánto le devuelven?|¿Cuánto cambio recibe?|¿Cuánto dinero le queda?]"
constexpr Story kMoney[] = {
    {add, "",
     "Una [gorra|bufanda|camisa] cuesta {a} euros y un [libro|juego|bolso] cuesta {b} euros.~ ¿Cuánto "
     "cuestan juntos?",
     "Suma de {a} y {b}."},
    {add, "", "{n} tiene {a} euros y recibe {b} euros más.~ ¿Cuántos euros tiene ahora?",
     "Al principio {a}, recibe {b}."},
    {sub, "", "{n} compra un [libro|juego|bolso] de {b} euros y paga con {a} euros.~ " CHANGE,
     "Paga {a}, precio {b}."},
    {sub, "", "{n} tenía {a} euros y gastó {b} euros.~ ¿Cuántos euros le quedan?",
     "Al principio {a}, gasta {b}."},
    {mul, "ft", "Si 1 {o1} cuesta {a} euros, ¿cuánto cuestan {b} {o}?", "{a} por {b}."},
    {mul, "ft", "{n} compra {b} {o} a {a} euros cada [pieza|unidad].~ " COST, "{a} por {b}."},
    {div, "ft", "{b} {o} cuestan {a} euros.~ ¿Cuánto cuesta 1 {o1}?", "{a} entre {b}."},
    {div, "", "{b} amigos se reparten {a} euros por igual.~ ¿Cuántos euros recibe cada uno?",
     "{a} entre {b}."},
    {add_add, "",
     "Un libro cuesta {a} euros, una camisa {b} euros y un bolso {c} euros.~ ¿Cuánto cuestan juntos?",
     "Suma de {a}, {b} y {c}."},
    {sub_sub, "",
     "{n} tenía {a} euros y gastó {b} euros en un libro y {c} euros en un juego.~ ¿Cuántos euros le quedan?",
     "Al principio {a}, gasta {b}, luego {c}."},
    {sub_add, "", "{n} tenía {a} euros, gastó {b} euros y ganó {c} euros.~ ¿Cuántos euros tiene ahora?",
     "Al principio {a}, gasta {b}, gana {c}."},
    {add_sub, "", "{n} tenía {a} euros, recibió {b} euros y gastó {c} euros.~ ¿Cuántos euros le quedan?",
     "Al principio {a}, recibe {b}, gasta {c}."},
    {mul_add, "ft", "{n} compra {b} {o} a {a} euros cada unidad y una bolsa de {c} euros.~ " COST,
     "{a} por {b}, y {c}."},
    {mul_sub, "ft",
     "{n} compra {b} {o} a {a} euros cada unidad y tiene un descuento de {c} euros.~ ¿Cuánto paga?",
     "{a} por {b}, menos {c}."},
    {pay, "ft", "{n} compra {c} {o} a {b} euros cada unidad y paga con {a} euros.~ " CHANGE,
     "Paga {a}, {b} por {c}."},
    {mul_mul_add, "ft", "{n} compra {b} {o} a {a} euros cada unidad y {d} {p} a {c} euros cada unidad. " COST,
     "{a} por {b}, {c} por {d}."},
    {pay_two, "ft",
     "{n} compra {b} {o} a {a} euros cada unidad y {d} {p} a {c} euros cada unidad, y paga con {e} "
     "euros. " CHANGE,
     "{a} por {b}, {c} por {d}, paga {e}."},
};
constexpr Story kAges[] = {
    {add, "", "{n} tiene {a} años.~ {n2} tiene {b} años más. ¿Cuántos años tiene {n2}?",
     "{n} {a}, {n2} {b} más."},
    {add, "", "{n} tiene {a} años.~ ¿Cuántos años tendrá dentro de {b} años?",
     "Ahora {a}, dentro de {b} años."},
    {add, "", "{n} tiene {a} años y {n2} tiene {b} años.~ ¿Cuánto suman sus edades?", "Suma de {a} y {b}.",
     "{r} años."},
    {sub, "", "{n} tiene {a} años.~ {n2} tiene {b} años menos. ¿Cuántos años tiene {n2}?",
     "{n} {a}, {n2} {b} menos."},
    {sub, "", "{n} tiene {a} años.~ ¿Cuántos años tenía hace {b} años?", "Ahora {a}, hace {b} años."},
    {sub, "", "{n} tiene {a} años y {n2} tiene {b} años.~ ¿Cuántos años más tiene {n}?",
     "{n} {a}, {n2} {b}. Diferencia."},
    {mul, "", "{n} tiene {a} años. {n2} tiene {b} veces su edad.~ ¿Cuántos años tiene {n2}?",
     "{b} veces {a}."},
    {mul_add, "",
     "{n} tiene {a} años. {n2} tiene {b} veces su edad y {c} años más.~ ¿Cuántos años tiene {n2}?",
     "{b} veces {a}, {c} más."},
    {mul_sub, "",
     "{n} tiene {a} años. {n2} tiene {b} veces su edad menos {c} años.~ ¿Cuántos años tiene {n2}?",
     "{b} veces {a}, {c} menos."},
    {add_add, "",
     "{n} tiene {a} años y {n2} tiene {b} años más.~ ¿Cuántos años tendrá {n2} dentro de {c} años?",
     "{n} {a}, {b} más, dentro de {c} años."},
    {sub_add, "",
     "{n} tiene {a} años y {n2} tiene {b} años menos.~ ¿Cuántos años tendrá {n2} dentro de {c} años?",
     "{n} {a}, {b} menos, dentro de {c} años."},
    {div, "", "{n2} tiene {a} años, que es {b} veces la edad de {n}.~ ¿Cuántos años tiene {n}?",
     "{a} entre {b}."},
};
constexpr Story kSpeed[] = {
    {mul, "", "Un [coche|autobús|tren] va a {a} km por hora durante {b} horas.~ ¿Cuántos kilómetros recorre?",
     "{a} km por hora, {b} horas."},
    {mul, "", "{n} camina {a} km cada hora.~ ¿Cuántos kilómetros camina en {b} horas?",
     "{a} km por hora, {b} horas."},
    {mul, "",
     "Un [robot|caracol|juguete] avanza {a} cm por minuto.~ ¿Cuántos centímetros avanza en {b} minutos?",
     "{a} cm por minuto, {b} minutos.", "{r} cm."},
    {div, "", "¿Cuántas horas se tarda en recorrer {a} km a {b} km por hora?", "{a} km a {b} km por hora.",
     "{r} hora{s}."},
    {div, "", "Un [coche|tren|barco] recorre {a} km en {b} horas.~ ¿Cuántos kilómetros recorre en una hora?",
     "{a} km en {b} horas."},
    {mul_add, "",
     "{n} conduce {b} horas a {a} km por hora y después {c} km más.~ ¿Cuántos kilómetros son en total?",
     "{a} km por hora, {b} horas, {c} km más."},
    {mul_mul_add, "",
     "Un coche va {b} horas a {a} km por hora y luego {d} horas a {c} km por hora. ¿Cuántos kilómetros "
     "recorre en total?",
     "{a} km por hora {b} horas, {c} km por hora {d} horas."},
    {pay, "",
     "La ciudad está a {a} km.~ {n} conduce {c} horas a {b} km por hora. ¿Cuántos kilómetros faltan?",
     "En total {a} km, {b} km por hora, {c} horas."},
    {half, "", "¿Cuántos kilómetros recorre un [coche|tren|autobús] en {b} minutos a {a} km por hora?",
     "{a} km por hora, {b} minutos, 60 minutos por hora."},
    {add_mul, "",
     "Dos coches salen del mismo lugar en sentidos opuestos a {a} km por hora y {b} km por hora. ¿A cuántos "
     "kilómetros están uno del otro después de {c} horas?",
     "{a} y {b} juntos, {c} horas."},
};
constexpr Story kRectangle[] = {
    {mul, "", "Un rectángulo mide {a} cm de largo y {b} cm de ancho.~ ¿Cuál es su área?",
     "El área es {a} por {b}.", "{r} cm cuadrados."},
    {mul, "", "¿Cuál es el área de un [campo|jardín|patio] de {a} m por {b} m?", "El área es {a} por {b}.",
     "{r} m cuadrados."},
    {twice_sum, "", "Un rectángulo mide {a} cm de largo y {b} cm de ancho.~ ¿Cuál es su perímetro?",
     "El perímetro es ({a}+{b})*2."},
    {square, "", "¿Cuál es el área de un cuadrado de lado {a} cm?", "El área es {a} por {a}.",
     "{r} cm cuadrados."},
    {four_times, "", "¿Cuál es el perímetro de un cuadrado de lado {a} cm?", "El perímetro es {a} por 4."},
    {div, "", "Un rectángulo tiene un área de {a} cm cuadrados y {b} cm de ancho.~ ¿Cuánto mide de largo?",
     "El largo es {a} entre {b}."},
    {add_add, "", "Los lados de un triángulo miden {a} cm, {b} cm y {c} cm.~ ¿Cuál es su perímetro?",
     "Suma de {a}, {b} y {c}."},
    {mul_sub, "",
     "En un terreno de {a} m por {b} m hay una casa de {c} m cuadrados.~ ¿Cuántos metros cuadrados quedan "
     "libres?",
     "Terreno {a} por {b}, casa {c}.", "{r} m cuadrados."},
    {sub, "", "{n} corta {b} m de una [cuerda|cinta] de {a} m.~ ¿Cuántos metros quedan?",
     "Al principio {a} m, corta {b} m.", "{r} m."},
};
constexpr Story kAverage[] = {
    {mean3, "", "¿Cuál es la media de {a}, {b} y {c}?", "Sumar los tres y dividir entre 3."},
    {mean3, "", "[Calcula|Halla] la media de {a}, {b} y {c}.", "Sumar los tres y dividir entre 3."},
    {mean3, "", "{n} sacó {a}, {b} y {c} puntos.~ ¿Cuál es la media?", "Sumar los tres y dividir entre 3.",
     "{r} punto{s}."},
    {mean3, "", "{n} leyó {a}, {b} y {c} páginas en tres días.~ ¿Cuántas páginas leyó de media al día?",
     "Sumar los tres y dividir entre 3.", "{r} página{s}."},
    {mean3, "", "En tres días hizo {a}, {b} y {c} grados.~ ¿Cuál fue la temperatura media?",
     "Sumar los tres y dividir entre 3.", "{r} grado{s}."},
};

}  // namespace

const Stories& stories_es() {
  static const Stories all{
      .give_take = {Measure::count, "{R}.", kGiveTake},
      .groups = {Measure::count, "{R}.", kGroups},
      .share = {Measure::count, "{R}.", kShare},
      .several = {Measure::count, "{R}.", kSeveral},
      .money = {Measure::money, "{r} euro{s}.", kMoney},
      .ages = {Measure::age, "{r} año{s}.", kAges},
      .speed = {Measure::speed, "{r} km.", kSpeed},
      .rectangle = {Measure::length, "{r} cm.", kRectangle},
      .average = {Measure::score, "{r}.", kAverage},
  };
  return all;
}

}  // namespace jaju::data
