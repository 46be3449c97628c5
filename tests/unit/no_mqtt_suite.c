/*
 * mqtt/test_mqtt.c calls the callbacks in struct tcp_pcb by itself, and does not build where there are none (LWIP_EVENT_API);
 * lwip_unittests.c asks for its suite all the same. This one is empty. The checks of MQTT run under all other options.
 */
#include "mqtt/test_mqtt.h"

Suite *mqtt_suite(void) {
  return suite_create("MQTT");
}
