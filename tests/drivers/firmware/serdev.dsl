DefinitionBlock ("", "SSDT", 2, "RUSTBD", "SERDEV", 1)
{
    External (\_SB.PCI0.SF8.COM2, DeviceObj)
    Scope (\_SB.PCI0.SF8.COM2)
    {
        Device (ECHO)
        {
            Name (_HID, "LNUXBEEF")
            Name (_CRS, ResourceTemplate ()
            {
                UartSerialBusV2 (115200, DataBitsEight, StopBitsOne, 0xFC, LittleEndian, ParityTypeNone,
                    FlowControlNone, 32, 32, "\\_SB.PCI0.SF8.COM2", 0, ResourceConsumer, , Exclusive, )
            })
        }
    }
}
