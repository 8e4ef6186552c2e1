/* SPDX-License-Identifier: ISC */
/*
 * What a guest cannot probe for: the PCI host bridge, the console, the clock, the word for
 * "off". Numbers repeat those of pci.h, serial.h, rtc.h and power.h; a unit test compares.
 */
DefinitionBlock ("", "DSDT", 2, "ZWINGR", "ZWINGER", 1)
{
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_SEG, 0)
			Name (_BBN, 0)
			Name (_UID, 0)
			Name (_CCA, 1)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0xc0100000, 0xfebfffff, 0, 0x3eb00000)
			})
		}

		Device (ECAM)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_CRS, ResourceTemplate ()
			{
				Memory32Fixed (ReadWrite, 0xc0000000, 0x00100000)
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03f8, 0x03f8, 0, 8)
				IRQNoFlags () { 4 }
			})
		}

		/* The modem. Where there is none, nobody answers at its registers. */
		Device (COM2)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 2)
			OperationRegion (UART, SystemIO, 0x02f8, 8)
			Field (UART, ByteAcc, NoLock, Preserve)
			{
				Offset (5),
				LSR, 8
			}
			Method (_STA)
			{
				If (LSR == 0xff)
				{
					Return (0)
				}
				Return (0x0f)
			}
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x02f8, 0x02f8, 0, 8)
				IRQNoFlags () { 3 }
			})
		}

		/* The line that orders go by; as the modem. */
		Device (COM3)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 3)
			OperationRegion (UART, SystemIO, 0x03e8, 8)
			Field (UART, ByteAcc, NoLock, Preserve)
			{
				Offset (5),
				LSR, 8
			}
			Method (_STA)
			{
				If (LSR == 0xff)
				{
					Return (0)
				}
				Return (0x0f)
			}
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03e8, 0x03e8, 0, 8)
				IRQNoFlags () { 5 }
			})
		}

		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 0, 2)
			})
		}
	}
}
